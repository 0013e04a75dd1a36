package main

import "path/filepath"

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

// makePauseImage compiles pause/ and packs it: without it no pod starts.
func (c *cluster) makePauseImage() (string, error) {
	binary, archive := c.path("pause"), c.path("pause.tar")
	if err := goBuild(filepath.Join(c.source, "pause"), binary, "-s -w"); err != nil {
		return "", err
	}
	_, err := output("", filepath.Join(c.source, "../../scripts/oci-archive"), archive, pauseImage, binary)
	return archive, err
}
