"use strict";
// Not inline, so that the page's policy can forbid inline scripts; validatorUrl null keeps it from asking another host.
SwaggerUIBundle({
  url: document.getElementById("documentation").dataset.url,
  dom_id: "#documentation",
  deepLinking: true,
  validatorUrl: null,
});
