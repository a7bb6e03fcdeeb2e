#pragma once
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// Macros that Swift cannot see.

/// Refuses everything older than TLS 1.2.
static inline int SSL_CTX_demand_tls12(SSL_CTX *context) {
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

/// Names the server in the handshake (SNI).
static inline int SSL_name_server(SSL *ssl, const char *name) { return SSL_set_tlsext_host_name(ssl, name); }
