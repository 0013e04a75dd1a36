package main

import (
	"fmt"
	"os"
	"strings"
)

// makeNetwork makes a network namespace that leads nowhere, with the node's address on an empty bridge.
// It is entered by nsenter: `ip netns exec` mounts /sys anew, and its cgroups are then gone.
func (c *cluster) makeNetwork() error {
	if _, err := output("", "ip", "netns", "add", netns); err != nil {
		return err
	}
	for _, line := range []string{
		"ip link set lo up",
		"ip link add node0 type bridge",
		"ip addr add " + nodeNetwork + " dev node0",
		"ip link set node0 up",
		"ip route add default via " + nowhere + " dev node0",
		"sysctl -qw net.ipv4.ip_forward=1",
	} {
		if _, err := c.command("", strings.Fields(line)...); err != nil {
			return fmt.Errorf("network namespace: %w", err)
		}
	}
	return nil
}

func removeNetwork() error {
	list, err := output("", "ip", "netns", "list")
	if err != nil {
		return err
	}
	for line := range strings.Lines(list) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		// The plugins' own namespaces are one a pod.
		if name == netns || strings.HasPrefix(name, "cni-") {
			if _, err := output("", "ip", "netns", "delete", name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Kernel settings that kubelet changes for the whole machine.
var kubeletSettings = []string{"vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops"}

func (c *cluster) saveKernelSettings() error {
	for _, setting := range kubeletSettings {
		value, err := os.ReadFile("/proc/sys/" + setting)
		if err != nil {
			return err
		}
		if err := os.WriteFile(c.path("kernel", strings.ReplaceAll(setting, "/", ".")), value, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) restoreKernelSettings() error {
	for _, setting := range kubeletSettings {
		value, err := os.ReadFile(c.path("kernel", strings.ReplaceAll(setting, "/", ".")))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile("/proc/sys/"+setting, value, 0o644); err != nil {
			return err
		}
	}
	return nil
}
