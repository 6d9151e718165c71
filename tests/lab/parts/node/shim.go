package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// containerSpec is what a container's processes need; container.json in its folder.
type containerSpec struct {
	Folder   string
	Hostname string
	Command  []string
	Env      []string
	Dir      string
	User     *int64
	Group    *int64
	Mounts   []mountSpec
}

type mountSpec struct {
	From     string
	To       string
	ReadOnly bool
}

// runShim starts the container and waits for it, so that its exit code is known whoever watches by then.
func runShim(folder string) {
	output, err := os.OpenFile(folder+"/log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	command := exec.Command(os.Args[0], "enter", folder)
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS,
		Setsid:     true,
	}
	if err := command.Start(); err != nil {
		fmt.Fprintln(output, err)
		writeWhole(folder+"/exit", "128")
		return
	}
	writeWhole(folder+"/pid", strconv.Itoa(command.Process.Pid))
	_ = command.Wait()
	writeWhole(folder+"/exit", strconv.Itoa(exitCode(command.ProcessState)))
}

func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// enterContainer is the first process in the container's namespaces; it becomes the command.
func enterContainer(folder string) {
	spec, err := readSpec(folder)
	check(err)
	check(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	check(unix.Mount("proc", "/proc", "proc", 0, ""))
	check(unix.Sethostname([]byte(spec.Hostname)))
	for _, one := range spec.Mounts {
		check(bind(one))
	}
	if spec.Group != nil {
		check(unix.Setgroups([]int{int(*spec.Group)}))
		check(unix.Setgid(int(*spec.Group)))
	}
	if spec.User != nil {
		check(unix.Setuid(int(*spec.User)))
	}
	check(os.Chdir(spec.Dir))
	program, err := lookPath(spec.Command[0], spec.Env)
	check(err)
	check(unix.Exec(program, spec.Command, spec.Env))
}

func bind(one mountSpec) error {
	info, err := os.Stat(one.From)
	if err != nil {
		return err
	}
	if info.IsDir() {
		if err := os.MkdirAll(one.To, 0o755); err != nil {
			return err
		}
	} else if _, err := os.Stat(one.To); err != nil {
		_ = os.MkdirAll(filepath.Dir(one.To), 0o755)
		if err := os.WriteFile(one.To, nil, 0o644); err != nil {
			return err
		}
	}
	if err := unix.Mount(one.From, one.To, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount %s: %w", one.To, err)
	}
	if one.ReadOnly {
		return unix.Mount("", one.To, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
	return nil
}

func lookPath(name string, env []string) (string, error) {
	for _, line := range env {
		if path, found := strings.CutPrefix(line, "PATH="); found {
			_ = os.Setenv("PATH", path)
		}
	}
	return exec.LookPath(name)
}

func readSpec(folder string) (containerSpec, error) {
	var spec containerSpec
	content, err := os.ReadFile(folder + "/container.json")
	if err == nil {
		err = json.Unmarshal(content, &spec)
	}
	return spec, err
}

func writeWhole(path, text string) {
	if os.WriteFile(path+".new", []byte(text+"\n"), 0o600) == nil {
		_ = os.Rename(path+".new", path)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab-node:", err)
		os.Exit(127)
	}
}

func containersIn(folder string) []string {
	found, _ := filepath.Glob(folder + "/containers/*")
	return found
}

// readPid gives the container's first process, or 0 when it does not run.
func readPid(folder string) int {
	if _, err := os.Stat(folder + "/exit"); err == nil {
		return 0
	}
	pid, err := strconv.Atoi(readFile(folder + "/pid"))
	if err != nil || syscall.Kill(pid, 0) != nil {
		return 0
	}
	return pid
}

// killProcess ends the first process, and with it all of the container's.
func killProcess(pid int) {
	if pid > 1 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
