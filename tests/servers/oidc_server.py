"""An OpenID provider on loopback, small enough for a test: one user at a time is logged in there.

    with OidcServer(clients={"msgcenter": "secret"}) as server:
        server.user = {"sub": "1", "preferred_username": "2024010101"}

It checks what a provider checks: the client, the redirect address as it was first sent, the verifier of PKCE, and that
a code is used once.
"""

import base64
import functools
import hashlib
import secrets
import time
import urllib.parse
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests.servers.http_server import HttpServer, Reply, Request

KEY_ID = "test"


@functools.cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class OidcServer(HttpServer):
    """`user` are the claims of whoever is logged in there; None refuses."""

    def __init__(self, *, clients: dict[str, str], **common: Any) -> None:
        super().__init__(**common)
        self.clients = clients
        self.user: dict[str, Any] | None = None
        self._codes: dict[str, tuple[dict[str, str], dict[str, Any]]] = {}
        self._tokens: dict[str, dict[str, Any]] = {}

    async def handle(self, request: Request) -> Reply:
        pages = {
            "/.well-known/openid-configuration": self._discovery,
            "/authorize": self._authorize,
            "/token": self._token,
            "/userinfo": self._userinfo,
            "/jwks": self._jwks,
        }
        page = pages.get(request.path)
        return page(request) if page else Reply(404)

    def _discovery(self, request: Request) -> Reply:
        return Reply(
            200,
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/jwks",
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "id_token_signing_alg_values_supported": ["RS256"],
            },
        )

    def _authorize(self, request: Request) -> Reply:
        asked = request.query
        if asked.get("client_id") not in self.clients:
            return Reply(400, {"error": "unauthorized_client"})
        answer = {"state": asked.get("state", "")}
        if self.user is None:
            answer["error"] = "access_denied"
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self._codes[answer["code"]] = asked, self.user
        return Reply(302, headers={"Location": f"{asked['redirect_uri']}?{urllib.parse.urlencode(answer)}"})

    def _token(self, request: Request) -> Reply:
        form = request.form()
        asked, user = self._codes.pop(form.get("code", ""), ({}, {}))
        client, secret = request.basic_auth()
        if not asked or self.clients.get(client) != secret or client != asked["client_id"]:
            return Reply(401, {"error": "invalid_client"})
        if form.get("redirect_uri") != asked["redirect_uri"] or not _proved(asked, form):
            return Reply(400, {"error": "invalid_grant"})
        token = secrets.token_urlsafe(16)
        self._tokens[token] = user
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 300}
        return Reply(200, answer | {"id_token": self._signed(client, asked, user)})

    def _signed(self, client: str, asked: dict[str, str], user: dict[str, Any]) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": client, "iat": now, "exp": now + 300, **user}
        if "nonce" in asked:
            claims["nonce"] = asked["nonce"]
        return jwt.encode(claims, private_key(), algorithm="RS256", headers={"kid": KEY_ID})

    def _userinfo(self, request: Request) -> Reply:
        user = self._tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        return Reply(200, user) if user else Reply(401, {"error": "invalid_token"})

    def _jwks(self, request: Request) -> Reply:
        key = RSAAlgorithm.to_jwk(private_key().public_key(), as_dict=True)
        return Reply(200, {"keys": [{**key, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]})


def _proved(asked: dict[str, str], form: dict[str, str]) -> bool:
    if "code_challenge" not in asked:
        return True
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked["code_challenge"]
