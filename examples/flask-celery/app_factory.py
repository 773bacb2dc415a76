"""The Flask application, and the Celery application that belongs to it."""

from celery import Celery, Task
from flask import Flask

from handlers.user_registration import registration


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.from_object("config")
    app.register_blueprint(registration)
    app.extensions["celery"] = create_celery(app)
    return app


def create_celery(app: Flask) -> Celery:
    class InAppContext(Task):
        """A task sees `current_app` as a request does."""

        def __call__(self, *args, **kwargs):
            with app.app_context():
                return self.run(*args, **kwargs)

    celery = Celery(app.import_name, task_cls=InAppContext)
    celery.config_from_object(app.config["CELERY"])
    celery.set_default()  # what `shared_task` sends through
    return celery
