package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const kubernetesVersion = "v1.36.3"

// buildParts gives the program of Kubernetes' parts for the sources as they are: from the cache, or compiled, which
// takes two cores seven minutes and 3 GB of Go's build cache.
func buildParts(source string) (string, error) {
	folder := filepath.Join(source, "parts")
	hash, err := hashFolder(folder)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(cache, "penstock", "kubernetes-"+hash)
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	fmt.Fprintf(os.Stderr, "building Kubernetes %s once, about 7 minutes of two cores\n", kubernetesVersion)
	version := strings.Split(strings.TrimPrefix(kubernetesVersion, "v"), ".")
	const variable = " -X k8s.io/component-base/version."
	flags := "-s -w" + variable + "gitVersion=" + kubernetesVersion +
		variable + "gitMajor=" + version[0] + variable + "gitMinor=" + version[1]
	return binary, goBuild(folder, binary, flags)
}

// goBuild compiles a static program and puts it in place whole, so that a broken build is never taken for one.
func goBuild(folder, binary, linkerFlags string) error {
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return err
	}
	unfinished := fmt.Sprintf("%s.%d", binary, os.Getpid())
	defer os.Remove(unfinished)
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", linkerFlags, "-o", unfinished, ".")
	build.Dir = folder
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building %s: %w", folder, err)
	}
	return os.Rename(unfinished, binary)
}

// hashFolder covers names and bytes of a folder's files, and the compiler.
func hashFolder(folder string) (string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", err
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	compiler, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		return "", fmt.Errorf("no Go: install it, at least 1.26: %w", err)
	}
	sum := sha256.New()
	sum.Write(compiler)
	for _, entry := range entries {
		file, err := os.Open(filepath.Join(folder, entry.Name()))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s\n", entry.Name())
		_, err = io.Copy(sum, file)
		file.Close()
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}
