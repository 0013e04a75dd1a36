// Command parts is a whole Kubernetes in one static program: the first argument, or the name it is
// called by, says which part it is. It holds none of our code; ../ starts the parts in their order.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Each part reads os.Args itself and ends the process when it fails.
var parts = map[string]func(){
	"coredns":                 coredns,
	"etcd":                    etcd,
	"helm":                    helm,
	"kube-apiserver":          apiserver,
	"kube-controller-manager": controllerManager,
	"kube-proxy":              proxy,
	"kube-scheduler":          scheduler,
	"kubectl":                 kubectl,
	"kubelet":                 kubelet,
}

func main() {
	if part, found := parts[filepath.Base(os.Args[0])]; found {
		part()
		return
	}
	// etcd, kubelet, helm and CoreDNS look at os.Args on their own: shift it for all.
	os.Args = os.Args[1:]
	if len(os.Args) > 0 {
		if part, found := parts[os.Args[0]]; found {
			part()
			return
		}
	}
	fmt.Fprintf(os.Stderr, "name a part: %v\n", slices.Sorted(maps.Keys(parts)))
	os.Exit(2)
}
