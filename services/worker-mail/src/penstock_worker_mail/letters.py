"""What the mails say, in each language. The templates say how it looks."""

from dataclasses import dataclass
from typing import Literal

Locale = Literal["zh", "en"]


@dataclass(frozen=True)
class Letter:
    """One mail's words: the paragraphs before the button and after it.

    In a paragraph `{address}` stands for the reader's address, `{hours}` for how many hours the link is
    valid, and `{hours_in_words}` for the same with its unit in English.
    """

    subject: str
    before: tuple[str, ...]
    button: str
    after: tuple[str, ...]


@dataclass(frozen=True)
class Frame:
    """What every mail says around its letter. `language` is a tag of BCP 47."""

    language: str
    link_below: str
    sent_by_machine: str


FRAMES: dict[Locale, Frame] = {
    "zh": Frame("zh-Hans", "如果按钮无法打开，请将以下链接复制到浏览器中：", "本邮件由系统自动发送，请勿回复。"),
    "en": Frame(
        "en",
        "If the button does not work, copy this link into your browser:",
        "This mail was sent automatically; nobody reads replies to it.",
    ),
}

CONFIRM: dict[Locale, Letter] = {
    "zh": Letter(
        subject="欢迎注册我们的服务",
        before=(
            "您好！",
            "您（或他人）使用邮箱 {address} 注册了我们的服务。请点击下面的按钮，确认这是您的邮箱。",
        ),
        button="确认注册",
        after=("该链接在 {hours} 小时内有效。", "如果不是您本人操作，请忽略本邮件：未经确认，注册不会生效。"),
    ),
    "en": Letter(
        subject="Welcome: please confirm your registration",
        before=(
            "Hello,",
            "you, or somebody else, registered for our service with the address {address}. "
            "Please confirm that it is yours.",
        ),
        button="Confirm registration",
        after=(
            "The link is valid for {hours_in_words}.",
            "If it was not you, ignore this mail: without confirmation nothing is registered.",
        ),
    ),
}

KNOWN: dict[Locale, Letter] = {
    "zh": Letter(
        subject="您已注册过我们的服务",
        before=("您好！", "有人使用邮箱 {address} 再次注册我们的服务，而该邮箱此前已注册并确认。"),
        button="前往服务",
        after=("您无需进行任何操作，您的账户没有变化。",),
    ),
    "en": Letter(
        subject="You already have an account",
        before=(
            "Hello,",
            "somebody registered for our service with the address {address}, which "
            "is registered and confirmed already.",
        ),
        button="Go to the service",
        after=("There is nothing to do: your account has not changed.",),
    ),
}
