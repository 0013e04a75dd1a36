package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

func (c *cluster) ctr(arguments ...string) (string, error) {
	return output("", append([]string{"ctr", "-a", c.socket(), "-n", "k8s.io"}, arguments...)...)
}

// importImages takes OCI archives; a tag imported again runs from the next pod on.
func (c *cluster) importImages(archives []string) error {
	for _, archive := range archives {
		if _, err := c.ctr("images", "import", archive); err != nil {
			return err
		}
	}
	return nil
}

// killPod is SIGKILL for a pod's containers; kubelet would send SIGTERM first, whatever it is told.
func (c *cluster) killPod(namespace, pod string) error {
	list, err := c.ctr("containers", "list", "--quiet", fmt.Sprintf(
		`labels."io.kubernetes.pod.namespace"==%q,labels."io.kubernetes.pod.name"==%q,labels."io.cri-containerd.kind"==container`,
		namespace, pod))
	if err != nil {
		return err
	}
	killed := false
	for _, container := range strings.Fields(list) {
		// One that has ended before has no task.
		if _, err := c.ctr("tasks", "kill", "--signal", "SIGKILL", container); err == nil {
			killed = true
		}
	}
	if !killed {
		return fmt.Errorf("no container of %s/%s runs", namespace, pod)
	}
	return nil
}

// makePauseImage compiles pause/ and packs it: without it no pod starts.
func (c *cluster) makePauseImage() (string, error) {
	binary, archive := c.path("pause"), c.path("pause.tar")
	if err := goBuild(filepath.Join(c.source, "pause"), binary, "-s -w"); err != nil {
		return "", err
	}
	_, err := output("", filepath.Join(c.source, "../../scripts/oci-archive"), archive, pauseImage, binary)
	return archive, err
}
