"""The routers of the HTTP API. Each endpoint calls one method of a service."""
