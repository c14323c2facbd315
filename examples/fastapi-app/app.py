"""A FastAPI app. FastAPI writes its OpenAPI document, and Turnout picks it up with each deploy."""

import os

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse

VERSION = "v1"

app = FastAPI(title="fastapi-app", version=VERSION)


@app.get("/", response_class=PlainTextResponse)
async def hello(response: Response, name: str = "you") -> str:
    """Say hello to somebody, and from which version."""
    response.headers["X-Hello-Version"] = VERSION
    return f"hello {name}, from {VERSION}\n"


@app.get("/healthz", response_class=PlainTextResponse)
async def health() -> str:
    """Say whether the app can serve."""
    return "ok\n"


if __name__ == "__main__":
    # uvicorn lets open requests finish on SIGTERM.
    uvicorn.run(app, host=os.environ.get("HOST", "0.0.0.0"), port=int(os.environ.get("PORT", "3000")))
