package main

import (
	"encoding/json"
	"log"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// containerRun is one container over all its restarts.
type containerRun struct {
	pod      *podRun
	spec     *corev1.Container
	folder   string
	restarts int32
	started  time.Time
	ready    bool
	waiting  string
	last     *corev1.ContainerStateTerminated
	// It ended and is not started again; until then `last` may be of an earlier run.
	done bool
}

// launch starts the container's processes; they run on when this program ends.
func (c *containerRun) launch() error {
	for _, name := range []string{"exit", "pid"} {
		_ = os.Remove(c.folder + "/" + name)
	}
	if err := os.MkdirAll(c.folder, 0o700); err != nil {
		return err
	}
	env, err := c.pod.environment(c.spec)
	if err != nil {
		return err
	}
	values := map[string]string{}
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		values[name] = value
	}
	mounts, err := c.pod.mounts(c.spec, values)
	if err != nil {
		return err
	}
	command := []string{}
	for _, word := range append(append([]string{}, c.spec.Command...), c.spec.Args...) {
		command = append(command, expand(word, values))
	}
	dir := c.spec.WorkingDir
	if dir == "" {
		dir = "/"
	}
	spec := containerSpec{
		Folder: c.folder, Hostname: c.pod.pod.Name, Command: command, Env: env, Dir: dir, Mounts: mounts,
		User: userOf(c.pod.pod, c.spec), Group: groupOf(c.pod.pod, c.spec),
	}
	content, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.folder+"/container.json", content, 0o600); err != nil {
		return err
	}
	shim := exec.Command("/proc/self/exe", "shim", c.folder)
	shim.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := shim.Start(); err != nil {
		return err
	}
	go func() { _ = shim.Wait() }()
	for attempt := 0; attempt < 500 && readFile(c.folder+"/pid") == "" && readFile(c.folder+"/exit") == ""; attempt++ {
		time.Sleep(10 * time.Millisecond)
	}
	c.started = time.Now()
	return nil
}

// exited gives the exit code once there is one; a shim that was killed too counts as 137.
func (c *containerRun) exited() (int, bool) {
	if text := readFile(c.folder + "/exit"); text != "" {
		code, _ := strconv.Atoi(text)
		return code, true
	}
	if pid, err := strconv.Atoi(readFile(c.folder + "/pid")); err == nil && syscall.Kill(pid, 0) != nil {
		time.Sleep(200 * time.Millisecond) // the shim may be about to write it
		if text := readFile(c.folder + "/exit"); text != "" {
			code, _ := strconv.Atoi(text)
			return code, true
		}
		return 137, true
	}
	return 0, false
}

// end asks the first process to end, and kills it, and so everything in its PID namespace, after the grace.
func (c *containerRun) end(grace time.Duration) {
	pid := readPid(c.folder)
	if pid == 0 {
		return
	}
	if grace > 0 {
		if c.spec.Lifecycle != nil && c.spec.Lifecycle.PreStop != nil && c.spec.Lifecycle.PreStop.Exec != nil {
			if err := c.command(c.spec.Lifecycle.PreStop.Exec.Command).Run(); err != nil {
				log.Printf("preStop of %s: %v", c.pod.pod.Name, err)
			}
		}
		_ = syscall.Kill(pid, syscall.SIGTERM)
		for until := time.Now().Add(grace); time.Now().Before(until) && readPid(c.folder) != 0; {
			time.Sleep(50 * time.Millisecond)
		}
	}
	killProcess(readPid(c.folder))
	for attempt := 0; attempt < 100 && readPid(c.folder) != 0; attempt++ {
		time.Sleep(20 * time.Millisecond)
	}
}

// command is a command inside the container's namespaces, with its variables and user.
func (c *containerRun) command(argv []string) *exec.Cmd {
	spec, _ := readSpec(c.folder)
	words := []string{"--target", strconv.Itoa(readPid(c.folder)), "--mount", "--uts", "--pid", "--wd=" + spec.Dir}
	if spec.Group != nil {
		words = append(words, "--setgid", strconv.FormatInt(*spec.Group, 10))
	}
	if spec.User != nil {
		words = append(words, "--setuid", strconv.FormatInt(*spec.User, 10))
	}
	command := exec.Command("nsenter", append(append(words, "--"), argv...)...)
	command.Env = spec.Env
	return command
}

func (c *containerRun) status() corev1.ContainerStatus {
	started := c.isUp()
	status := corev1.ContainerStatus{
		Name: c.spec.Name, Image: c.spec.Image, ImageID: "lab://" + c.spec.Image,
		RestartCount: c.restarts, Ready: started && c.ready, Started: &started,
		ContainerID: "lab://" + string(c.pod.pod.UID) + "/" + c.spec.Name,
	}
	if c.last != nil {
		status.LastTerminationState.Terminated = c.last
	}
	switch {
	case started:
		status.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(c.started)}
	case c.waiting != "":
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: c.waiting}
	case c.done && c.last != nil:
		status.State.Terminated = c.last
	default:
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
	}
	return status
}

func (c *containerRun) isUp() bool { return readPid(c.folder) != 0 }
