package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	betweenLooks = 20 * time.Millisecond
	// Far more than any step takes on a machine that two builds share.
	patience = 2 * time.Minute
)

// start runs a program in the background, with its output in log/NAME.log and its process in pid/NAME.
func (c *cluster) start(name string, arguments ...string) error {
	log, err := os.Create(c.path("log", name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	line := append(append([]string{}, c.enter...), arguments...)
	command := exec.Command(line[0], line[1:]...)
	command.Dir = c.dir
	command.Stdout, command.Stderr = log, log
	// A session of its own: what ends the caller's terminal does not end the cluster.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return fmt.Errorf("%s does not start: %w", name, err)
	}
	pid := command.Process.Pid
	// Reaped here while this program lives; after it, by init.
	go command.Wait()
	return os.WriteFile(c.path("pid", name), []byte(strconv.Itoa(pid)), 0o644)
}

// startPart starts one of Kubernetes' own programs.
func (c *cluster) startPart(part string, flags ...string) error {
	return c.start(part, append([]string{c.parts, part}, flags...)...)
}

// kubectl runs kubectl as the administrator and gives what it printed.
func (c *cluster) kubectl(input string, arguments ...string) (string, error) {
	return c.command(input, append([]string{c.parts, "kubectl", "--kubeconfig", c.kubeconfig()}, arguments...)...)
}

// command runs a program to its end where the cluster's addresses exist.
func (c *cluster) command(input string, arguments ...string) (string, error) {
	line := append(append([]string{}, c.enter...), arguments...)
	return output(input, line...)
}

func output(input string, line ...string) (string, error) {
	command := exec.Command(line[0], line[1:]...)
	command.Stdin = strings.NewReader(input)
	var out, complaint bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaint
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(line, " "), err, strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}

// waitFor looks until the condition holds; a daemon that has died meanwhile ends the wait at once.
func (c *cluster) waitFor(what string, holds func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := holds()
		if err == nil {
			return nil
		}
		if dead := c.deadDaemons(); len(dead) > 0 {
			return fmt.Errorf("%s has ended while waiting for %s; see %s", strings.Join(dead, ", "), what, c.path("log"))
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %s in vain for %s: %w", patience, what, err)
		}
		time.Sleep(betweenLooks)
	}
}

func (c *cluster) deadDaemons() []string {
	var dead []string
	files, _ := filepath.Glob(c.path("pid", "*"))
	for _, file := range files {
		if pid, err := readPid(file); err == nil && !alive(pid) {
			dead = append(dead, filepath.Base(file))
		}
	}
	return dead
}

// stop ends daemons by their process id: asks, and after a grace period insists.
func (c *cluster) stop(names ...string) error {
	var failed []error
	for _, name := range names {
		file := c.path("pid", name)
		pid, err := readPid(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		// A pid file of a killed cluster may name a process of somebody else by now: ours names our folder.
		if err == nil && c.owns(pid) {
			err = endProcess(pid)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
			continue
		}
		failed = append(failed, os.Remove(file))
	}
	return errors.Join(failed...)
}

func endProcess(pid int) error {
	syscall.Kill(pid, syscall.SIGTERM)
	if gone(pid, 10*time.Second) {
		return nil
	}
	syscall.Kill(pid, syscall.SIGKILL)
	if gone(pid, 10*time.Second) {
		return nil
	}
	return fmt.Errorf("process %d does not end", pid)
}

func gone(pid int, within time.Duration) bool {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(betweenLooks) {
		if !alive(pid) {
			return true
		}
	}
	return !alive(pid)
}

// alive is false for a zombie too: init may reap late, and kill -0 would say that it lives.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, found := bytes.Cut(stat, []byte(") "))
	return found && len(state) > 0 && state[0] != 'Z' && state[0] != 'X'
}

// owns tells by its command line or working folder whether a process belongs to this cluster.
func (c *cluster) owns(pid int) bool {
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if strings.Contains(string(line), c.dir+"/") {
		return true
	}
	folder, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return folder == c.dir || strings.HasPrefix(folder, c.dir+" ") // " (deleted)"
}

func readPid(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
