package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
)

// down ends what up started and removes what it made. It works from whatever is there: also after a crash, a kill of
// everything, or half a start. A second one finds nothing to do.
func (c *cluster) down() error {
	if _, err := os.Stat(c.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(
		c.stop("kubelet", "kube-proxy"),
		c.endContainers(),
		c.stop("containerd"),
		c.endShims(),
		c.stop("coredns", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"),
		c.unmount(),
		removeNetwork(),
		removeCgroups(),
		c.restoreKernelSettings(),
		c.removeFolders(),
	)
}

// endContainers asks containerd, and after its crash the cgroups, which list every process of every pod.
func (c *cluster) endContainers() error {
	if tasks, err := c.ctr("tasks", "list", "--quiet"); err == nil {
		for _, task := range strings.Fields(tasks) {
			c.ctr("tasks", "kill", "--signal", "SIGKILL", task)
			c.ctr("tasks", "delete", "--force", task)
			c.ctr("containers", "delete", task)
		}
	}
	for _, folder := range cgroupFolders() {
		list, _ := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
		for _, line := range strings.Fields(string(list)) {
			if pid, err := strconv.Atoi(line); err == nil && pid > 1 {
				syscall.Kill(pid, syscall.SIGKILL)
				gone(pid, patience)
			}
		}
	}
	return nil
}

// endShims ends the processes that hold containers: they outlive containerd on purpose.
func (c *cluster) endShims() error {
	var failed []error
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range processes {
		line, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(line), "containerd-shim") || !strings.Contains(string(line), c.socket()) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil {
			err = endProcess(pid)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

func (c *cluster) unmount() error {
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return err
	}
	var ours []string
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], c.dir+"/") {
			ours = append(ours, fields[1])
		}
	}
	// The last mounted lies on top.
	var failed []error
	for i := len(ours) - 1; i >= 0; i-- {
		failed = append(failed, syscall.Unmount(ours[i], syscall.MNT_DETACH))
	}
	return errors.Join(failed...)
}

// cgroupFolders lists kubelet's and containerd's cgroups below every controller, deepest first.
func cgroupFolders() []string {
	var folders []string
	for _, name := range machineCgroups {
		// Version 2 has one tree, version 1 one below each controller.
		roots, _ := filepath.Glob("/sys/fs/cgroup/*/" + name)
		for _, root := range append(roots, "/sys/fs/cgroup/"+name) {
			filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
				if err == nil && entry.IsDir() {
					folders = append(folders, path)
				}
				return nil
			})
		}
	}
	sort.Slice(folders, func(a, b int) bool { return len(folders[a]) > len(folders[b]) })
	return folders
}

func removeCgroups() error {
	var failed []error
	for _, folder := range cgroupFolders() {
		if err := syscall.Rmdir(folder); err != nil && !errors.Is(err, syscall.ENOENT) {
			failed = append(failed, &fs.PathError{Op: "rmdir", Path: folder, Err: err})
		}
	}
	return errors.Join(failed...)
}

// removeFolders does not cross into a mounted file system, should one still be there.
func (c *cluster) removeFolders() error {
	if c.dir == "/" || strings.Count(c.dir, "/") < 2 {
		return errors.New("refusing to remove " + c.dir)
	}
	_, err := output("", append([]string{"rm", "-rf", "--one-file-system", c.dir}, machinePaths...)...)
	return err
}

// keepLogs prints the end of each daemon's log, which is about to be removed.
func (c *cluster) keepLogs() error {
	logs, _ := filepath.Glob(c.path("log", "*.log"))
	for _, log := range logs {
		text, _ := os.ReadFile(log)
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		last := lines[max(0, len(lines)-15):]
		os.Stderr.WriteString("== " + filepath.Base(log) + "\n" + strings.Join(last, "\n") + "\n")
	}
	return nil
}
