/* Just enough of Ethernet, ARP, IPv4, UDP and DHCP to ask who is there. */
#pragma once

#include "virtio64/virtio.h"

/* Asks by DHCP for an address, then by ARP who has the router's. */
void job_network(struct device* network);
