/* See settings.h. */
#include "settings.h"

bool settings_read(settings *s, PyObject *keywords) {
    static char *known[] = {"weak",    "strong",     "block_len",  "strong_len", "compression",
                            "verify",  "output_max", "blocks_max", "memory_max", "threads",
                            "changed", "main",       "progress",   "names",      "context",
                            "sparse",  "form",       "max_rounds", "flush",      NULL};
    int weak = 0, strong = 0, strong_len = 0, verify = 0, changed = 0, sparse = 0, form = 0;
    unsigned block_len = 0;
    unsigned long long output_max = 0, blocks_max = 0, memory_max = 0;
    *s = (settings){.options = {.size = sizeof s->options}, .progress = Py_None, .names = Py_None, .context = Py_None};
    PyObject *const nothing = PyTuple_New(0);
    const bool good = nothing && PyArg_ParseTupleAndKeywords(
                                     nothing, keywords, "|$iiIiiiKKKIipOOOiiIp", known, &weak, &strong, &block_len,
                                     &strong_len, &s->options.compression, &verify, &output_max, &blocks_max,
                                     &memory_max, &s->options.threads, &changed, &s->main, &s->progress, &s->names,
                                     &s->context, &sparse, &form, &s->options.max_rounds, &s->flush);
    Py_XDECREF(nothing);
    s->options.params = (rd_params){
        .weak = (rd_weak)weak, .strong = (rd_strong)strong, .block_len = block_len, .strong_len = strong_len};
    s->options.verify = (rd_verify)verify;
    s->options.sparse = (rd_sparse)sparse;
    s->options.changed = (rd_changed)changed;
    s->options.form = (rd_form)form;
    s->options.limits = (rd_limits){.output = output_max, .memory = memory_max, .blocks = blocks_max};
    return good;
}
