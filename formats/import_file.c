#include "formats/import_file.h"

#include "formats/import_lambda.h"
#include "formats/import_lines.h"

static bool
import_all_lines(ImportRun *run, ImportLines *lines, Err *err)
{
    for (;;) {
        Text line;
        LineResult result = import_run_line(run, &line, err);
        if (result == LINE_FAILED)
            return false;
        if (result == LINE_END)
            return import_lines_end(lines, err);
        if (!import_lines_take(lines, result, line, err))
            return false;
    }
}

static bool
import_header(ImportRun *run, ImportLines *lines, Err *err)
{
    Text line;
    return import_run_header(run, &line, err) &&
           (import_lines_header(lines, line, err) || err_prefix(err, "%s:1: ", run->path));
}

static bool
import_by_line(ImportRun *run, Err *err)
{
    ImportLines *lines = import_lines_new(run, err);
    bool done = lines != NULL && (run->format != IMPORT_CSV || import_header(run, lines, err)) &&
                import_all_lines(run, lines, err);
    import_lines_free(&lines);
    return done;
}

MUST_CHECK bool
import_file(LineReader *reader, const char *path, ImportFormat format, const ImportSettings *settings,
            const ImportSink *sink, ImportCounts *counts, Err *err)
{
    ImportRun run = {.reader = reader,
                     .path = path,
                     .format = format,
                     .settings = settings,
                     .sink = sink,
                     .counts = counts,
                     .tag = settings->tag,
                     .quiet = settings->quiet,
                     .progress = progress_start("reading"),
                     .ids = content_ids_new(err)};
    if (run.ids == NULL)
        return false;
    bool done = format == IMPORT_LAMBDA_REPORT ? import_lambda(&run, err) : import_by_line(&run, err);
    progress_end(&run.progress);
    content_ids_free(&run.ids);
    return done;
}
