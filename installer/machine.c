/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include "cleanup.h"
#include "firewall.h"
#include "selinux.h"
#include "sysctl.h"

typedef int take_back_fn(const struct install *in, const char *object, const char *was,
			 const char *now, bool apply, struct strv *changes, struct err *err);
typedef int declares_fn(const struct setup *setup, enum record_kind kind, const char *object,
			bool *ret, struct err *err);

static const struct {
	enum record_kind kind;
	take_back_fn *take_back;
	declares_fn *declares;
} all[] = {
	{ RECORD_PORT, firewall_take_back, firewall_declares },
	{ RECORD_SYSCTL, sysctl_take_back, sysctl_declares },
	{ RECORD_BOOLEAN, selinux_boolean_take_back, selinux_declares },
	{ RECORD_PORT_TYPE, selinux_port_take_back, selinux_declares },
};

bool machine_has(enum record_kind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].kind == kind)
			return true;
	return false;
}

int machine_declares(const struct setup *setup, enum record_kind kind, const char *object,
		     bool *ret, struct err *err)
{
	*ret = false;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].kind == kind)
			return all[i].declares(setup, kind, object, ret, err);
	return 0;
}

int machine_take_back(const struct install *in, enum record_kind kind, const char *object,
		      const char *was, const char *now, bool apply, struct strv *changes,
		      struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].kind == kind)
			return all[i].take_back(in, object, was, now, apply, changes, err);
	return 0;
}
