/* RFC 826 (ARP), RFC 2131 and 2132 (DHCP). Multi-byte fields are big endian. */
#include "virtio64/network.h"

#include <stddef.h>

#include "common/console.h"

enum { kHeaderBytes = 12, kFrameBytes = 1514, kMacBytes = 6, kShortestFrame = 60 };
enum { kTypeArp = 0x0806, kTypeIp = 0x0800, kUdp = 17, kDhcpClient = 68, kDhcpServer = 67 };
enum { kDiscover = 1, kOffer = 2, kOptionMessageType = 53, kOptionRouter = 3, kOptionEnd = 255 };

/* Where things are in a frame: Ethernet, then ARP, or IP, UDP and DHCP. */
enum { kEthernet = 14, kArpBytes = 28, kIpBytes = 20, kUdpBytes = 8, kDhcpFixed = 240 };
enum { kIp = kEthernet, kUdpStart = kIp + kIpBytes, kDhcp = kUdpStart + kUdpBytes };

volatile uint8_t received[kHeaderBytes + kFrameBytes] __attribute__((aligned(4096)));
static uint8_t sent[kHeaderBytes + kFrameBytes];
static uint8_t mac[kMacBytes];

static uint8_t address[4], router[4];

static void put16(uint8_t* at, unsigned value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static unsigned get16(volatile const uint8_t* at) { return (unsigned)at[0] << 8 | at[1]; }

static void copy(uint8_t* to, volatile const uint8_t* from, unsigned count) {
  for (unsigned i = 0; i < count; i++) to[i] = from[i];
}

/* An empty frame from us to `to`, or to all. */
static uint8_t* new_frame(const uint8_t* to, unsigned type) {
  for (unsigned i = 0; i < sizeof sent; i++) sent[i] = 0;
  uint8_t* const frame = sent + kHeaderBytes;
  for (unsigned i = 0; i < kMacBytes; i++) frame[i] = to != NULL ? to[i] : 0xff;
  copy(frame + kMacBytes, mac, kMacBytes);
  put16(frame + 12, type);
  return frame;
}

static void send_frame(struct device* network, unsigned length) {
  const struct buffer buffer = {sent, kHeaderBytes + (length < kShortestFrame ? kShortestFrame : length), false};
  offer(network, 1, &buffer, 1);
  wait_used(network, 1);
}

/* The next frame; the buffer for it must have been offered. */
static volatile const uint8_t* next_frame(struct device* network) {
  wait_used(network, 0);
  return received + kHeaderBytes;
}

static void offer_room(struct device* network) {
  const struct buffer room = {received, sizeof received, true};
  offer(network, 0, &room, 1);
}

static unsigned internet_checksum(const uint8_t* bytes, unsigned count) {
  unsigned sum = 0;
  for (unsigned i = 0; i < count; i += 2) sum += get16(bytes + i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

static void send_discover(struct device* network) {
  uint8_t* const frame = new_frame(NULL, kTypeIp);
  uint8_t* const dhcp = frame + kDhcp;
  dhcp[0] = 1; /* a request */
  dhcp[1] = 1; /* Ethernet */
  dhcp[2] = kMacBytes;
  put16(dhcp + 10, 0x8000); /* answer by broadcast: we have no address yet */
  copy(dhcp + 28, mac, kMacBytes);
  static const uint8_t options[] = {0x63, 0x82, 0x53, 0x63, kOptionMessageType, 1, kDiscover, kOptionEnd};
  copy(dhcp + kDhcpFixed - 4, options, sizeof options);
  const unsigned dhcp_bytes = kDhcpFixed - 4 + sizeof options;

  uint8_t* const udp = frame + kUdpStart;
  put16(udp, kDhcpClient);
  put16(udp + 2, kDhcpServer);
  put16(udp + 4, kUdpBytes + dhcp_bytes);
  uint8_t* const ip = frame + kIp;
  ip[0] = 0x45;
  put16(ip + 2, kIpBytes + kUdpBytes + dhcp_bytes);
  ip[8] = 64;
  ip[9] = kUdp;
  for (unsigned i = 16; i < 20; i++) ip[i] = 0xff;
  put16(ip + 10, internet_checksum(ip, kIpBytes));
  send_frame(network, kDhcp + dhcp_bytes);
}

/* The value of a DHCP option, or null. */
static volatile const uint8_t* option(volatile const uint8_t* frame, unsigned wanted) {
  for (unsigned at = kDhcp + kDhcpFixed; at + 1 < kFrameBytes && frame[at] != kOptionEnd; at += 2u + frame[at + 1]) {
    if (frame[at] == wanted) return frame + at + 2;
  }
  return NULL;
}

static bool is_offer(volatile const uint8_t* frame) {
  if (get16(frame + 12) != kTypeIp || frame[kIp + 9] != kUdp || get16(frame + kUdpStart + 2) != kDhcpClient)
    return false;
  volatile const uint8_t* const type = option(frame, kOptionMessageType);
  return type != NULL && *type == kOffer;
}

__attribute__((noinline)) void address_offered(void) {
  print("network: offered %u.%u.%u.%u, router %u.%u.%u.%u\n", address[0], address[1], address[2], address[3], router[0],
        router[1], router[2], router[3]);
}

static void send_arp(struct device* network) {
  uint8_t* const arp = new_frame(NULL, kTypeArp) + kEthernet;
  put16(arp, 1);
  put16(arp + 2, kTypeIp);
  arp[4] = kMacBytes;
  arp[5] = sizeof router;
  put16(arp + 6, 1); /* who has … */
  copy(arp + 8, mac, kMacBytes);
  copy(arp + 14, address, sizeof address);
  copy(arp + 24, router, sizeof router);
  send_frame(network, kEthernet + kArpBytes);
}

static bool is_arp_answer(volatile const uint8_t* frame) {
  return get16(frame + 12) == kTypeArp && get16(frame + kEthernet + 6) == 2;
}

void job_network(struct device* network) {
  for (unsigned i = 0; i < kMacBytes; i++) mac[i] = config_byte(network, i);
  print("network: card %02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
  offer_room(network);
  send_discover(network);
  volatile const uint8_t* frame = next_frame(network);
  while (!is_offer(frame)) {
    offer_room(network);
    frame = next_frame(network);
  }
  copy(address, frame + kDhcp + 16, sizeof address);
  volatile const uint8_t* const found = option(frame, kOptionRouter);
  if (found != NULL) copy(router, found, sizeof router);
  address_offered();

  offer_room(network);
  send_arp(network);
  frame = next_frame(network);
  while (!is_arp_answer(frame)) {
    offer_room(network);
    frame = next_frame(network);
  }
  volatile const uint8_t* const who = frame + kEthernet + 8;
  print("network: the router is %02x:%02x:%02x:%02x:%02x:%02x\n", who[0], who[1], who[2], who[3], who[4], who[5]);
}
