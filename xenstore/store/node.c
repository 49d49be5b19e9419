#include "node.h"
#include "memory.h"
#include <stdlib.h>
#include <string.h>

struct node *node_create(const char *name, size_t name_bytes, struct permissions permissions, uint64_t generation)
{
    struct node *node = must_alloc(sizeof(*node) + name_bytes + 1);

    memcpy(node->name, name, name_bytes);
    node->refs = 1;
    node->permissions = permissions;
    node->changed = node->relisted = generation;
    return node;
}

struct node *node_ref(struct node *node)
{
    node->refs++;
    return node;
}

void node_unref(struct node *node)
{
    if (!node || --node->refs)
        return;
    for (uint32_t i = 0; i < node->child_count; i++)
        node_unref(node->children[i]);
    permissions_free(&node->permissions);
    free(node->children);
    free(node->value);
    free(node);
}

static struct node *node_clone(const struct node *from)
{
    struct node *copy = node_create(from->name, strlen(from->name), permissions_copy(&from->permissions), 0);

    copy->changed = from->changed;
    copy->relisted = from->relisted;
    copy->value_bytes = from->value_bytes;
    copy->value = must_copy(from->value, from->value_bytes);
    copy->child_count = copy->child_room = from->child_count;
    copy->children = must_copy(from->children, from->child_count * sizeof(*from->children));
    for (uint32_t i = 0; i < copy->child_count; i++)
        node_ref(copy->children[i]);
    return copy;
}

static int compare_name(const char *name, size_t bytes, const struct node *node)
{
    int order = strncmp(name, node->name, bytes);

    return order ? order : -(node->name[bytes] != '\0');
}

/* Index of the child, or of the place where it belongs. */
static uint32_t child_index(const struct node *node, const char *name, size_t bytes, bool *found)
{
    uint32_t low = 0, high = node->child_count;

    *found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_name(name, bytes, node->children[middle]);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Steps over one component: sets `name` and `bytes`, returns what follows, or NULL at the end. */
static const char *next_component(const char *path, const char **name, size_t *bytes)
{
    while (*path == '/')
        path++;
    if (!*path)
        return NULL;
    *name = path;
    *bytes = strcspn(path, "/");
    return path + *bytes;
}

const struct node *node_nearest(const struct node *root, const char *path, size_t *bytes)
{
    const char *rest = path, *name;
    size_t name_bytes;

    *bytes = 1;
    while ((rest = next_component(rest, &name, &name_bytes))) {
        bool found;
        uint32_t index = child_index(root, name, name_bytes, &found);

        if (!found)
            return root;
        root = root->children[index];
        *bytes = (size_t)(rest - path);
    }
    return root;
}

const struct node *node_find(const struct node *root, const char *path)
{
    size_t bytes;
    const struct node *nearest = node_nearest(root, path, &bytes);

    return bytes == strlen(path) ? nearest : NULL;
}

static struct node *make_private(struct node **slot)
{
    if ((*slot)->refs > 1) {
        struct node *copy = node_clone(*slot);

        node_unref(*slot);
        *slot = copy;
    }
    return *slot;
}

struct node *node_edit(struct node **root, const char *path)
{
    const char *rest = path, *name;
    size_t bytes;
    struct node *node;

    if (!node_find(*root, path))
        return NULL;
    node = make_private(root);
    while ((rest = next_component(rest, &name, &bytes))) {
        bool found;
        uint32_t index = child_index(node, name, bytes, &found);

        node = make_private(&node->children[index]);
    }
    return node;
}

void node_set_value(struct node *editable, const void *value, size_t bytes, uint64_t generation)
{
    char *copy = must_copy(value, bytes);

    free(editable->value);
    editable->value = copy;
    editable->value_bytes = (uint32_t)bytes;
    editable->changed = generation;
}

void node_set_permissions(struct node *editable, const struct permissions *permissions, uint64_t generation)
{
    struct permissions copy = permissions_copy(permissions);

    permissions_free(&editable->permissions);
    editable->permissions = copy;
    editable->changed = generation;
}

void node_add_child(struct node *editable, struct node *child, uint64_t generation)
{
    bool found;
    uint32_t index = child_index(editable, child->name, strlen(child->name), &found);

    if (editable->child_count == editable->child_room) {
        editable->child_room = editable->child_room ? editable->child_room * 2 : 4;
        editable->children = must_grow(editable->children, editable->child_room * sizeof(*editable->children));
    }
    memmove(&editable->children[index + 1], &editable->children[index],
            (editable->child_count - index) * sizeof(*editable->children));
    editable->children[index] = child;
    editable->child_count++;
    editable->relisted = generation;
}

bool node_remove_child(struct node *editable, const char *name, uint64_t generation)
{
    bool found;
    uint32_t index = child_index(editable, name, strlen(name), &found);

    if (!found)
        return false;
    node_unref(editable->children[index]);
    editable->child_count--;
    memmove(&editable->children[index], &editable->children[index + 1],
            (editable->child_count - index) * sizeof(*editable->children));
    editable->relisted = generation;
    return true;
}

size_t node_cost(const struct node *node)
{
    return sizeof(*node) + strlen(node->name) + 1 + node->value_bytes + sizeof(struct node *) +
           node->permissions.count * sizeof(*node->permissions.entries);
}

void node_walk(const struct node *node, void (*visit)(const struct node *node, void *context), void *context)
{
    visit(node, context);
    for (uint32_t i = 0; i < node->child_count; i++)
        node_walk(node->children[i], visit, context);
}
