/* api_methods.h - the groups of methods behind api_handle() */
#pragma once
#include "toolstack/daemon/api.h"

/* `vm` is the destination; nullptr where the method's entry says it needs none. */
typedef void api_method(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply);

/* api_vm.c */
api_method api_vm_list, api_vm_create, api_vm_remove, api_vm_state;
/* api_clone.c */
api_method api_vm_clone;
/* api_power.c */
api_method api_vm_start, api_vm_shutdown, api_vm_kill, api_vm_pause, api_vm_unpause;
/* api_property.c */
api_method api_property_list, api_property_get, api_property_get_all, api_property_set, api_property_reset;
/* api_feature.c */
api_method api_feature_list, api_feature_get, api_feature_set, api_feature_remove;
/* api_label.c */
api_method api_label_list, api_label_get, api_label_index;
