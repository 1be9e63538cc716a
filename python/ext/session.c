/*
 * A session (rd_session) as a Python object, with a lock (guard.h), and the destination that a receiver writes to.
 *
 * A step may read a whole file for a message of a few bytes, so all of them are made without the GIL. A step that fails
 * raises, and what the session has to tell the other side about that is kept, for `farewell`. A destination gets its
 * name in the step that ends the session, before the step's bytes are given: if that fails, the other side is not told
 * that all is well.
 */
#include "call.h"
#include "guard.h"
#include "settings.h"
#include "sink.h"
#include "source.h"

#include <stdlib.h>

typedef struct session {
    PyObject_HEAD
    rd_session *session; /* NULL: closed */
    source source;       /* of a sender the new file; of a receiver the old one, if there is one */
    sink sink;           /* of a receiver */
    PyObject *names;     /* of the files, by role, for exceptions; or None */
    PyObject *out;       /* whose path the sink uses, or NULL */
    uint8_t *farewell;   /* after a failure: bytes for the other side */
    size_t farewell_size;
    size_t left;          /* bytes that the step that failed did not take */
    rd_session_state now; /* once it is closed */
    rd_session_file file; /* likewise, if has_file */
    bool has_file;
    bool done; /* it has ended, and well */
    bool over; /* it has ended */
    guard guard;
} session;

/* ---- Making and freeing ------------------------------------------------------------------------------------------ */

static int session_traverse(PyObject *self, visitproc visit, void *arg) {
    const session *const s = (session *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(s->source.file.object);
    Py_VISIT(s->source.read);
    Py_VISIT(s->source.view.obj);
    Py_VISIT(s->sink.file.object);
    Py_VISIT(s->sink.write);
    Py_VISIT(s->sink.write_at);
    Py_VISIT(s->sink.memory);
    Py_VISIT(s->names);
    Py_VISIT(s->out);
    return 0;
}

/* What is known of the session is kept; a destination that has not got its name is discarded. */
static int session_clear(PyObject *self) {
    session *const s = (session *)self;
    rd_error ignored;
    s->over = true;
    if (s->session) {
        s->now.size = sizeof s->now;
        (void)rd_session_get_state(s->session, &s->now);
        s->has_file = rd_session_file_info(s->session, &s->file) == RD_OK;
    }
    rd_session_free(s->session);
    s->session = NULL;
    (void)sink_finish(&s->sink, RD_E_CANCELLED, &ignored);
    source_close(&s->source);
    sink_close(&s->sink);
    Py_CLEAR(s->names);
    Py_CLEAR(s->out);
    return 0;
}

static void session_deallocate(PyObject *self) {
    PyTypeObject *const type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)session_clear(self);
    free(((session *)self)->farewell);
    guard_close(&((session *)self)->guard);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static session *session_allocate(const module_state *state, const settings *given) {
    allocfunc const allocate = (allocfunc)PyType_GetSlot(state->session_type, Py_tp_alloc);
    session *const s = (session *)allocate(state->session_type, 0);
    if (!s)
        return NULL;
    s->names = Py_NewRef(given->names);
    if (guard_open(&s->guard))
        return s;
    Py_DECREF(s);
    return NULL;
}

/* The finished object, or NULL with the exception for the result. Takes ownership of `s`. */
static PyObject *session_made(const module_state *state, session *s, rd_result result, const rd_error *error) {
    if (result == RD_OK && !PyErr_Occurred())
        return (PyObject *)s;
    if (!PyErr_Occurred())
        (void)raise_failure(state, error, s->names);
    Py_DECREF(s);
    return NULL;
}

/* Fills *file from (seconds or None, nanoseconds, mode or None); the library takes the size from the source. */
static bool session_read_file(PyObject *described, rd_session_file *file) {
    PyObject *seconds, *mode;
    unsigned nanoseconds;
    if (!PyArg_ParseTuple(described, "OIO", &seconds, &nanoseconds, &mode))
        return false;
    file->has_time = seconds != Py_None;
    file->has_mode = mode != Py_None;
    if (file->has_time) {
        file->seconds = PyLong_AsLongLong(seconds);
        file->nanoseconds = nanoseconds;
    }
    if (file->has_mode)
        file->mode = (uint32_t)PyLong_AsUnsignedLong(mode);
    return !PyErr_Occurred();
}

/* (new, (seconds or None, nanoseconds, mode or None)) */
PyObject *session_sender(PyObject *module, PyObject *arguments, PyObject *keywords) {
    module_state *const state = PyModule_GetState(module);
    PyObject *from, *described;
    settings given;
    call c;
    rd_error error = {0};
    rd_session_file file = {0};
    if (!PyArg_ParseTuple(arguments, "OO", &from, &described) || !settings_read(&given, keywords) ||
        !session_read_file(described, &file))
        return NULL;
    session *const s = session_allocate(state, &given);
    if (!s)
        return NULL;
    call_begin(&c, state, true, Py_None);
    given.options.error = &error;
    rd_result result = RD_E_CANCELLED;
    if (source_open(&s->source, from, &c, true))
        result = rd_session_sender_new(&s->session, &s->source.from, &file, &given.options);
    return session_made(state, s, result, &error);
}

/* Opens what the receiver reads and writes. False, with an exception set or the error filled, on failure. */
static bool session_open_files(session *s, PyObject *old, PyObject *out, bool guarded, call *c, rd_error *error) {
    s->out = Py_NewRef(out);
    if ((old != Py_None && !source_open(&s->source, old, c, true)) || !sink_open(&s->sink, out, c) ||
        sink_start(&s->sink, RD_REPLACE_SAFELY, error) != RD_OK)
        return false;
    const rd_source *const basis = old == Py_None ? NULL : &s->source.from;
    return !guarded || !s->sink.destination || rd_destination_guard(s->sink.destination, basis, error) == RD_OK;
}

/* (old or None, out, guarded): what `out` replaces must be the old file, or nothing if there is none. */
PyObject *session_receiver(PyObject *module, PyObject *arguments, PyObject *keywords) {
    module_state *const state = PyModule_GetState(module);
    PyObject *old, *out;
    int guarded;
    settings given;
    call c;
    rd_error error = {0};
    if (!PyArg_ParseTuple(arguments, "OOp", &old, &out, &guarded) || !settings_read(&given, keywords))
        return NULL;
    session *const s = session_allocate(state, &given);
    if (!s)
        return NULL;
    call_begin(&c, state, true, Py_None);
    given.options.error = &error;
    rd_result result = RD_E_CANCELLED;
    if (session_open_files(s, old, out, guarded != 0, &c, &error)) {
        const rd_source *const basis = old == Py_None ? NULL : &s->source.from;
        result = rd_session_receiver_new(&s->session, basis, &s->sink.to, &given.options);
    }
    return session_made(state, s, result, &error);
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

/*
 * Steps until the input is used up and the session has nothing more to say, or until it has said `most` bytes, or has
 * ended. After a failure: until it has said that.
 */
static rd_result session_drive(session *s, call *c, rd_in *in, sink *to, size_t most, bool end) {
    for (uint64_t turn = 1;; turn++) {
        const size_t room = sink_room(to, most), taken = in->pos;
        if (!sink_reserve(to, room))
            return RD_E_MEMORY;
        rd_out out = {.data = to->data + to->size, .size = room};
        const rd_result result = rd_session_step(s->session, in, &out, end);
        to->size += out.pos;
        const bool idle = out.pos < room && (in->pos == in->size || (out.pos == 0 && in->pos == taken));
        if (result == RD_OK || (result == RD_MORE ? idle : out.pos == 0) || to->size == most)
            return result;
        if (result == RD_MORE && !call_on_progress(c, turn, RD_UNKNOWN))
            rd_session_cancel(s->session);
    }
}

/* Says on behalf of a session that failed, as rd_session_step allows, what is left to be said. */
static void session_say_the_rest(session *s, call *c, sink *to) {
    rd_in nothing = {0};
    (void)session_drive(s, c, &nothing, to, (size_t)PY_SSIZE_T_MAX, false);
}

/* The exception for a result that is a failure. */
static void session_raise(const session *s, const module_state *state, rd_result result, const rd_error *error) {
    if (result == RD_E_MEMORY) {
        PyErr_NoMemory();
    } else if (result == RD_E_PEER) {
        PyObject *const names = Py_BuildValue("{ss}", "peer", rd_session_message(s->session));
        if (names)
            (void)raise_failure(state, error, names);
        Py_XDECREF(names);
    } else {
        (void)raise_failure(state, error, s->names);
    }
}

/* Keeps what is to be said after a failure. */
static void session_keep_farewell(session *s, sink *to) {
    s->farewell = to->data;
    s->farewell_size = to->size;
    to->data = NULL;
}

/* Gives the destination its name, unless there is nothing new. If that fails, the other side is not told of success. */
static rd_result session_finish(session *s, sink *to, rd_error *error) {
    rd_session_state now = {.size = sizeof now};
    (void)rd_session_get_state(s->session, &now);
    const rd_result result = sink_finish(&s->sink, now.identical ? RD_E_CANCELLED : RD_OK, error);
    if (now.identical)
        return RD_OK;
    if (result != RD_OK)
        to->size = 0;
    return result;
}

/* The work of a step, without the GIL. */
static rd_result session_run(session *s, call *c, rd_in *in, sink *to, size_t most, bool end, rd_error *error) {
    const rd_result result = session_drive(s, c, in, to, most, end);
    if (result == RD_OK)
        return session_finish(s, to, error);
    if (result == RD_MORE)
        return result;
    *error = *rd_session_error(s->session);
    return result;
}

/* The line that called `Session.step`, from here. */
enum { CALLER = 2 };

/* (bytes, bytes taken, done), or NULL with an exception set. */
static PyObject *session_result(session *s, call *c, sink *to, rd_result outcome, size_t taken, const rd_error *error) {
    if (PyErr_Occurred() || !call_files_stayed_open(c))
        return NULL;
    if (outcome != RD_MORE && outcome != RD_OK) {
        session_raise(s, c->state, outcome, error);
        return NULL;
    }
    PyObject *const bytes = sink_warn(&s->sink, CALLER) ? sink_take(to) : NULL;
    return bytes ? Py_BuildValue("NnO", bytes, (Py_ssize_t)taken, outcome == RD_OK ? Py_True : Py_False) : NULL;
}

/* With the lock. */
static PyObject *session_step_locked(session *s, module_state *state, const Py_buffer *data, size_t most, bool end) {
    call c;
    sink to = {0};
    rd_in in = {.data = data->buf, .size = (size_t)data->len};
    rd_error error = {0};
    PyObject *result = NULL;
    call_begin(&c, state, true, Py_None);
    if (source_use(&s->source, &c) && sink_use(&s->sink, &c) && sink_open(&to, Py_None, &c)) {
        call_release(&c);
        const rd_result outcome = session_run(s, &c, &in, &to, most, end, &error);
        call_resume(&c);
        result = session_result(s, &c, &to, outcome, in.pos, &error);
        s->done = result && outcome == RD_OK;
    }
    if (!result) {
        rd_session_cancel(s->session); /* of a session that goes on, although its step failed here */
        session_say_the_rest(s, &c, &to);
        s->left = in.size - in.pos;
        session_keep_farewell(s, &to);
    }
    if (!result || s->done)
        (void)session_clear((PyObject *)s);
    sink_close(&to);
    return result;
}

/* A session that is done takes nothing more: what follows is somebody else's. */
static PyObject *session_step_over(const module_state *state, const session *s) {
    if (s->done)
        return Py_BuildValue("y#nO", "", (Py_ssize_t)0, (Py_ssize_t)0, Py_True);
    return raise_state(state, RD_ROLE_NONE, "the session has ended: it has failed, or was cancelled or closed");
}

/* (data, end=False, most=0): up to `most` bytes of output, all if that is 0. Returns (bytes, bytes taken, done). */
static PyObject *session_step(PyObject *self, PyObject *arguments, PyObject *keywords) {
    static char *names[] = {"", "end", "most", NULL};
    session *const s = (session *)self;
    module_state *const state = PyType_GetModuleState(Py_TYPE(self));
    Py_buffer data;
    int end = 0;
    Py_ssize_t most = 0;
    PyObject *result = NULL;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "y*|$pn", names, &data, &end, &most))
        return NULL;
    if (guard_enter(&s->guard, state, RD_ROLE_NONE)) {
        const size_t bound = most <= 0 ? (size_t)PY_SSIZE_T_MAX : (size_t)most;
        result = s->over ? session_step_over(state, s) : session_step_locked(s, state, &data, bound, end != 0);
        guard_leave(&s->guard);
    }
    PyBuffer_Release(&data);
    return result;
}

/* ---- The rest ---------------------------------------------------------------------------------------------------- */

/* Ends the session. What the other side is to be told is then the farewell. */
static PyObject *session_cancel(PyObject *self, PyObject *unused) {
    (void)unused;
    session *const s = (session *)self;
    module_state *const state = PyType_GetModuleState(Py_TYPE(self));
    call c;
    sink to = {0};
    if (!guard_enter(&s->guard, state, RD_ROLE_NONE))
        return NULL;
    call_begin(&c, state, true, Py_None);
    if (!s->over && sink_open(&to, Py_None, &c)) {
        s->source.call = &c;
        s->sink.call = &c;
        rd_session_cancel(s->session);
        session_say_the_rest(s, &c, &to);
        session_keep_farewell(s, &to);
        (void)session_clear(self);
    }
    guard_leave(&s->guard);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* (the bytes that tell the other side of a failure, how many of the last input were left then) */
static PyObject *session_farewell(PyObject *self, PyObject *unused) {
    (void)unused;
    session *const s = (session *)self;
    if (!guard_enter(&s->guard, PyType_GetModuleState(Py_TYPE(self)), RD_ROLE_NONE))
        return NULL;
    PyObject *const made = Py_BuildValue("y#n", s->farewell ? (const char *)s->farewell : "",
                                         (Py_ssize_t)s->farewell_size, (Py_ssize_t)s->left);
    guard_leave(&s->guard);
    return made;
}

/* A tuple of the fields of rd_session_state, for State in the package, with the digest or None last. */
static PyObject *session_get_state(PyObject *self, PyObject *unused) {
    (void)unused;
    session *const s = (session *)self;
    if (!guard_enter(&s->guard, PyType_GetModuleState(Py_TYPE(self)), RD_ROLE_NONE))
        return NULL;
    rd_session_state now = s->now;
    now.size = sizeof now;
    if (s->session)
        (void)rd_session_get_state(s->session, &now);
    guard_leave(&s->guard);
    const char *const digest = now.has_digest ? (const char *)now.digest : NULL; /* NULL gives None */
    return Py_BuildValue("KKKKKKKKKOy#", now.sent, now.received, now.old_size, now.new_size, now.known, now.literal,
                         now.done, now.rounds, now.repaired, now.identical ? Py_True : Py_False, digest,
                         (Py_ssize_t)sizeof now.digest);
}

/* (size, seconds or None, nanoseconds, mode or None) of the new file; None if it is not known yet. */
static PyObject *session_get_file(PyObject *self, PyObject *unused) {
    (void)unused;
    session *const s = (session *)self;
    if (!guard_enter(&s->guard, PyType_GetModuleState(Py_TYPE(self)), RD_ROLE_NONE))
        return NULL;
    rd_session_file file = s->file;
    const bool has_file = s->session ? rd_session_file_info(s->session, &file) == RD_OK : s->has_file;
    guard_leave(&s->guard);
    if (!has_file)
        return Py_NewRef(Py_None);
    PyObject *const seconds = file.has_time ? PyLong_FromLongLong(file.seconds) : Py_NewRef(Py_None);
    PyObject *const mode = file.has_mode ? PyLong_FromUnsignedLong(file.mode) : Py_NewRef(Py_None);
    return Py_BuildValue("KNIN", file.size, seconds, (unsigned)file.nanoseconds, mode);
}

/* Frees the session and releases what it uses. */
static PyObject *session_close(PyObject *self, PyObject *unused) {
    (void)unused;
    session *const s = (session *)self;
    if (!guard_enter(&s->guard, PyType_GetModuleState(Py_TYPE(self)), RD_ROLE_NONE))
        return NULL;
    (void)session_clear(self);
    guard_leave(&s->guard);
    return Py_NewRef(Py_None);
}

static PyMethodDef session_methods[] = {
    {"step", TAKES_KEYWORDS(session_step), NULL},
    {"cancel", session_cancel, METH_NOARGS, NULL},
    {"farewell", session_farewell, METH_NOARGS, NULL},
    {"state", session_get_state, METH_NOARGS, NULL},
    {"file", session_get_file, METH_NOARGS, NULL},
    {"close", session_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot session_slots[] = {
    {Py_tp_dealloc, session_deallocate},
    {Py_tp_traverse, session_traverse},
    {Py_tp_clear, session_clear},
    {Py_tp_methods, session_methods},
    {0, NULL},
};

static PyType_Spec session_spec = {
    .name = "redelta._core.Session",
    .basicsize = sizeof(session),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = session_slots,
};

PyTypeObject *session_make_type(PyObject *module) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &session_spec, NULL);
}
