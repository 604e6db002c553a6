// events FILE... - the floor of loading: libyaml's own event loop over each file, and nothing of what it says.
#include <stdio.h>
#include <yaml.h>

static int read_events(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return perror(path), 1;
    yaml_parser_t parser;
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_file(&parser, file);
    yaml_event_type_t type;
    do {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) return fprintf(stderr, "%s: %s\n", path, parser.problem), 1;
        type = event.type;
        yaml_event_delete(&event);
    } while (type != YAML_STREAM_END_EVENT);
    yaml_parser_delete(&parser);
    fclose(file);
    return 0;
}

int main(int count, char **words) {
    for (int i = 1; i < count; i++)
        if (read_events(words[i])) return 1;
    return 0;
}
