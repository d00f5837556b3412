/* The ZeroMQ context, and the proof that an unknown key is refused. See gate.h. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "collector/gate_internal.h"

enum { PROOF_MS = 5000 };

/* ---- context ---- */

MUST_CHECK void *
gate_context_new(Err *err)
{
    void *context = zmq_ctx_new();
    if (context == NULL)
        err_set(err, ERR_NOMEM, "cannot make a ZeroMQ context");
    else
        zmq_ctx_set(context, ZMQ_MAX_SOCKETS, zmq_ctx_get(context, ZMQ_SOCKET_LIMIT));
    return context;
}

void
gate_context_shutdown(void *context)
{
    zmq_ctx_shutdown(context);
}

void
gate_context_free(void *context)
{
    zmq_ctx_term(context);
}

/* ---- proof ---- */

typedef struct Proof {
    void *server;
    void *client;
    void *monitor; /* of the client: tells that it was refused */
} Proof;

static bool
proof_open(Proof *proof, const Gate *self, void *zmq_context, const char *endpoint, Err *err)
{
    char public_key[KEY_TEXT_BYTES];
    char secret_key[KEY_TEXT_BYTES];
    int linger = 0;
    proof->server = zmq_socket(zmq_context, ZMQ_ROUTER);
    proof->client = zmq_socket(zmq_context, ZMQ_DEALER);
    proof->monitor = zmq_socket(zmq_context, ZMQ_PAIR);
    if (proof->server == NULL || proof->client == NULL || proof->monitor == NULL)
        return err_set(err, ERR_IO, "cannot make sockets: %s", zmq_strerror(errno));
    if (!gate_protect(self, proof->server, err))
        return false;
    bool good = zmq_curve_keypair(public_key, secret_key) == 0 &&
                zmq_setsockopt(proof->client, ZMQ_CURVE_SERVERKEY, self->public_key, KEY_TEXT_BYTES) == 0 &&
                zmq_setsockopt(proof->client, ZMQ_CURVE_PUBLICKEY, public_key, KEY_TEXT_BYTES) == 0 &&
                zmq_setsockopt(proof->client, ZMQ_CURVE_SECRETKEY, secret_key, KEY_TEXT_BYTES) == 0 &&
                zmq_setsockopt(proof->client, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
                zmq_setsockopt(proof->server, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
                zmq_socket_monitor(proof->client, "inproc://gate-proof",
                                   ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_SUCCEEDED) == 0 &&
                zmq_connect(proof->monitor, "inproc://gate-proof") == 0 && zmq_bind(proof->server, endpoint) == 0 &&
                zmq_connect(proof->client, endpoint) == 0 && zmq_send(proof->client, "?", 1, ZMQ_DONTWAIT) >= 0;
    sodium_memzero(secret_key, sizeof secret_key);
    return good || err_set(err, ERR_IO, "cannot try the gate at '%s': %s", endpoint, zmq_strerror(errno));
}

static void
proof_close(Proof *proof)
{
    if (proof->client != NULL) {
        zmq_socket_monitor(proof->client, NULL, 0);
        zmq_close(proof->client);
    }
    if (proof->monitor != NULL)
        zmq_close(proof->monitor);
    if (proof->server != NULL)
        zmq_close(proof->server);
}

/** The wrong key must be told NO, and nothing of it may arrive. */
static bool
proof_holds(const Proof *proof, Err *err)
{
    zmq_pollitem_t items[2] = {{.socket = proof->server, .events = ZMQ_POLLIN},
                               {.socket = proof->monitor, .events = ZMQ_POLLIN}};
    if (zmq_poll(items, 2, PROOF_MS) <= 0)
        return err_set(err, ERR_DENIED, "a peer with an unknown key was not refused within %d ms", PROOF_MS);
    uint8_t event[16] = {0};
    uint16_t number = 0;
    if (items[0].revents == 0 && zmq_recv(proof->monitor, event, sizeof event, 0) >= 2)
        memcpy(&number, event, sizeof number);
    if (number == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && zmq_poll(items, 1, 0) == 0)
        return true;
    return err_set(err, ERR_DENIED, "the gate let in a peer with an unknown key: not opening");
}

MUST_CHECK bool
gate_prove(Gate *self, void *zmq_context, const Config *config, Err *err)
{
    char endpoint[PATH_MAX + 64];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/gate-%ld.ipc", config->run, (long) getpid());
    Proof proof = {0};
    bool proven = proof_open(&proof, self, zmq_context, endpoint, err) && proof_holds(&proof, err);
    proof_close(&proof);
    atomic_store(&self->proven, true);
    unlink(endpoint + strlen("ipc://"));
    return proven;
}
