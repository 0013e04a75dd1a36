// Command cluster runs a whole real Kubernetes with one node on this machine, for the stories in ../stories,
// without Docker, a registry or a way out to the network.
//
//	cluster up    [-crds FOLDER] [IMAGE.tar ...]   start it; prints KUBECONFIG=, NETNS=, TOOLS=
//	cluster down                                   end it and remove everything it made, also after a kill
//	cluster load  IMAGE.tar ...                    import OCI archives into the running one
//	cluster restart-api                            kill its API server and start it again
//	cluster kill  NAMESPACE POD                    kill a pod's processes, without a word before
//	cluster api   [-crds FOLDER]                   etcd and kube-apiserver alone, on loopback, no root; until stdin ends
//	cluster parts                                  build Kubernetes if it is not cached; prints the program's path
//
// It is no cluster for anything but tests: etcd does not sync, and nothing survives down.
// Kubernetes' own parts are one program (parts/), built once and cached; this one only starts and stops them.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	state := flags.String("state", "/var/tmp/penstock-cluster", "folder for all that the cluster makes; up and down must agree")
	crds := flags.String("crds", "", "folder of CustomResourceDefinitions that must exist before the controllers start")
	source := flags.String("source", "e2e/cluster", "this folder, where parts/ and pause/ are built from")
	if len(arguments) == 0 {
		return fmt.Errorf("say up, down, load, restart-api, kill, api or parts")
	}
	if err := flags.Parse(arguments[1:]); err != nil {
		return err
	}
	dir, err := filepath.Abs(*state)
	if err != nil {
		return err
	}
	c := &cluster{dir: dir, source: *source, crds: *crds}
	switch arguments[0] {
	case "up":
		return c.up(flags.Args())
	case "down":
		return c.down()
	case "load":
		return c.importImages(flags.Args())
	case "restart-api":
		return c.restartAPIServer()
	case "kill":
		if flags.NArg() != 2 {
			return fmt.Errorf("kill what? NAMESPACE POD")
		}
		return c.killPod(flags.Arg(0), flags.Arg(1))
	case "api":
		return serveAPI(*source, *crds)
	case "parts":
		path, err := buildParts(*source)
		if err == nil {
			fmt.Println(path)
		}
		return err
	}
	return fmt.Errorf("unknown command %q", arguments[0])
}
