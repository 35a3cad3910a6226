/* A view over the store. */
#include "store/view.h"

#include "store/discovery.h"
#include "store/exposition.h"
#include "store/note.h"

#include <stdlib.h>
#include <string.h>

void
view_free(struct view *view)
{
    for (size_t i = 0; i < view->guests_count; i++) {
        struct view_guest *guest = &view->guests[i];

        for (size_t part = 0; part < view->parts_count; part++)
            fragment_unref(guest->fragments[part]);
        guest_note_unref(guest->note);
        discovery_guest_unref(guest->record);
        free(guest->fragments);
    }
    sources_note_unref(view->sources);
    free(view->guests);
    free(view);
}

struct view_family
view_family(const struct view *view, const char *name)
{
    for (size_t part = 0; part < view->parts_count; part++) {
        const struct metric *const *families = view->parts[part].families;

        for (size_t i = 0; families[i]; i++) {
            if (strcmp(families[i]->name, name) == 0)
                return (struct view_family){true, part, i};
        }
    }
    return (struct view_family){.is_there = false};
}

struct series_reader
view_series(const struct view_guest *guest, struct view_family family)
{
    const struct fragment *fragment =
        family.is_there ? guest->fragments[family.part] : NULL;

    if (!fragment)
        return series_read("", 0);
    const size_t *offsets = fragment->offsets + family.index;

    return series_read(fragment->text + offsets[0], offsets[1] - offsets[0]);
}
