/* pvtime.h - the time a guest reads from shared memory */
#pragma once
struct domain;
/* Writes the wall clock into shared_info with the version protocol. */
void wallclock_publish(struct domain *d);
