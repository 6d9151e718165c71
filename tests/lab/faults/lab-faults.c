// lab-faults LOG KINDS ACTION WHEN -- PROGRAM [ARGS]
//
// Runs a program and lets one of its file operations fail, be cut short, kill
// the program or never return. Counted over all its threads, in one order, and
// only for the program itself: what it starts (k3s, helm) works as always.
// strace's injection counts each thread apart and knows no short writes.
//
// LOG     one line a counted operation: "NUMBER KIND PATH"; the one that was
//         met has " <- ACTION" behind it
// KINDS   of write,sync,rename,link,unlink,truncate,create,mkdir,mode, or all of
//         these; and advise (fadvise, which makes the kernel write a file out)
// ACTION  ENOSPC, EIO, EROFS, ENOMEM; short (half is written); kill; hold;
//         skip (says it was done)
// WHEN    N (the N-th), N+ (the N-th and all after it), 0 (only count);
//         N@TEXT (the N-th whose path has TEXT in it), N>TEXT (the first after it):
//         numbers over all move with load, those of one file do not
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FD, PATH, AT };  // where the call says what it works on

static const struct call { int number; const char *kind; int where; } CALLS[] = {
  {__NR_write, "write", FD}, {__NR_pwrite64, "write", FD}, {__NR_writev, "write", FD},
  {__NR_pwritev, "write", FD}, {__NR_pwritev2, "write", FD}, {__NR_sendfile, "write", FD},
  {__NR_fsync, "sync", FD}, {__NR_fdatasync, "sync", FD}, {__NR_sync_file_range, "sync", FD},
  {__NR_fadvise64, "advise", FD},
  {__NR_renameat2, "rename", AT}, {__NR_renameat, "rename", AT},
  {__NR_linkat, "link", AT}, {__NR_symlinkat, "link", PATH},
  {__NR_unlinkat, "unlink", AT}, {__NR_mkdirat, "mkdir", AT}, {__NR_openat, "create", AT},
  {__NR_ftruncate, "truncate", FD}, {__NR_truncate, "truncate", PATH}, {__NR_fallocate, "truncate", FD},
  {__NR_fchmod, "mode", FD}, {__NR_fchmodat, "mode", AT}, {__NR_fchownat, "mode", AT}, {__NR_fchown, "mode", FD},
#ifdef __NR_rename  // the older forms, which newer machines no longer have
  {__NR_rename, "rename", PATH}, {__NR_link, "link", PATH}, {__NR_symlink, "link", PATH},
  {__NR_unlink, "unlink", PATH}, {__NR_rmdir, "unlink", PATH}, {__NR_mkdir, "mkdir", PATH},
  {__NR_chmod, "mode", PATH}, {__NR_chown, "mode", PATH}, {__NR_lchown, "mode", PATH},
#endif
};
#define COUNT (sizeof CALLS / sizeof *CALLS)

static void fail(const char *what) { perror(what); exit(125); }

// Asks the listener about every call of the list; of openat only those that make a file.
static int install(void) {
  struct sock_filter code[2 * COUNT + 8];
  int n = 0;
  code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_openat, 0, 3);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2]));
  code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT, 0, 2 * COUNT + 1);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  for (size_t i = 0; i < COUNT; i++) {
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)CALLS[i].number, 0, 1);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  }
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog filter = {.len = (unsigned short)n, .filter = code};
  // Killable: a signal (Go sends itself many) must not make a call be counted twice.
  int fd = (int)syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER,
    SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &filter);
  if (fd < 0) fail("seccomp");
  return fd;
}

static void send_fd(int socket, int fd) {
  char byte = 0, control[CMSG_SPACE(sizeof fd)] = {0};
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS, head->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(head), &fd, sizeof fd);
  if (sendmsg(socket, &message, 0) != 1) fail("sendmsg");
}

static int receive_fd(int socket) {
  char byte, control[CMSG_SPACE(sizeof(int))];
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || CMSG_FIRSTHDR(&message) == NULL) exit(125);
  int fd;
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

static int group_of(int thread) {
  char name[64], line[128];
  snprintf(name, sizeof name, "/proc/%d/status", thread);
  FILE *file = fopen(name, "re");
  int group = 0;
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "Tgid: %d", &group) == 1) break;
  }
  if (file != NULL) fclose(file);
  return group;
}

static ssize_t peek(int pid, unsigned long from, void *to, size_t size) {
  struct iovec here = {to, size}, there = {(void *)from, size};
  return process_vm_readv(pid, &here, 1, &there, 1, 0);
}

// The folder that a relative path begins at, or the file behind a number; with a length of 0 when it has gone.
static size_t link_of(int thread, int fd, char *path, size_t size) {
  char name[64];
  if (fd == AT_FDCWD) snprintf(name, sizeof name, "/proc/%d/cwd", thread);
  else snprintf(name, sizeof name, "/proc/%d/fd/%d", thread, fd);
  ssize_t length = readlink(name, path, size - 1);
  path[length < 0 ? 0 : length] = 0;
  return length < 0 ? 0 : (size_t)length;
}

// What the call works on, absolute; false for pipes, sockets, terminals and devices.
static int path_of(const struct seccomp_notif *asked, const struct call *call, char *path, size_t size) {
  const int thread = (int)asked->pid;
  path[0] = 0;
  if (call->where == FD) {
    link_of(thread, (int)asked->data.args[0], path, size);
  } else {
    unsigned long address = asked->data.args[call->where == AT ? 1 : 0];
    char text[2048] = "";
    size_t done = 0;
    // Piece by piece: what lies behind the string may not be readable.
    while (done < sizeof text - 64) {
      size_t piece = 64 - ((address + done) & 63);
      if (peek(thread, address + done, text + done, piece) != (ssize_t)piece) break;
      if (memchr(text + done, 0, piece) != NULL) break;
      done += piece;
    }
    text[sizeof text - 1] = 0;
    size_t start = text[0] == '/' ? 0 : link_of(thread, call->where == AT ? (int)asked->data.args[0] : AT_FDCWD, path, size);
    snprintf(path + start, size - start, "%s%s", start > 0 ? "/" : "", text);
  }
  return path[0] == '/' && strncmp(path, "/dev/pts", 8) != 0 && strcmp(path, "/dev/null") != 0 &&
    strncmp(path, "/proc/", 6) != 0 && strncmp(path, "/memfd:", 7) != 0;
}

// Writes the first half for the program. Gives what the call shall return, or -1 to let it go on as it is.
static long half(const struct seccomp_notif *asked, int program) {
  size_t length = (size_t)asked->data.args[2] / 2;
  int positioned = asked->data.nr == __NR_pwrite64;
  if ((asked->data.nr != __NR_write && !positioned) || length == 0) return -1;
  int process = (int)syscall(__NR_pidfd_open, program, 0);
  int fd = (int)syscall(__NR_pidfd_getfd, process, (int)asked->data.args[0], 0);
  char *bytes = malloc(length);
  long written = -1;
  if (bytes != NULL && peek((int)asked->pid, asked->data.args[1], bytes, length) == (ssize_t)length) {
    written = positioned ? pwrite(fd, bytes, length, (off_t)asked->data.args[3]) : write(fd, bytes, length);
  }
  free(bytes);
  close(fd);
  close(process);
  return written;
}

static int number_of(const char *name) {
  static const struct { const char *name; int number; } ERRORS[] = {
    {"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EROFS", EROFS}, {"ENOMEM", ENOMEM}, {"EDQUOT", EDQUOT}};
  for (size_t i = 0; i < sizeof ERRORS / sizeof *ERRORS; i++) {
    if (strcmp(name, ERRORS[i].name) == 0) return ERRORS[i].number;
  }
  return 0;
}

static int is_among(const char *kinds, const char *kind) {
  const char *at = strstr(kinds, kind);
  if (strcmp(kinds, "all") == 0) return strcmp(kind, "advise") != 0;  // it changes nothing, and its error is ignored
  return at != NULL && (at[strlen(kind)] == 0 || at[strlen(kind)] == ',');
}

static void serve(int listener, int program, char **args) {
  const char *kinds = args[2], *action = args[3];
  long when = strtol(args[4], NULL, 10), number = 0;
  const char *of = strpbrk(args[4], "@>");
  int lasting = of == NULL && strchr(args[4], '+') != NULL, due = 0;
  long matches = 0;
  FILE *log = fopen(args[1], "we");
  if (log == NULL) fail(args[1]);
  struct pollfd wait = {.fd = listener, .events = POLLIN};
  for (;;) {
    if (poll(&wait, 1, -1) < 0 && errno != EINTR) return;
    if ((wait.revents & POLLHUP) != 0) return;  // nobody is left who could ask
    struct seccomp_notif asked = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) continue;
    struct seccomp_notif_resp answer = {.id = asked.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    const struct call *call = CALLS;
    while (call->number != asked.data.nr) call++;
    char path[4096];
    if (is_among(kinds, call->kind) && group_of((int)asked.pid) == program && path_of(&asked, call, path, sizeof path)) {
      number++;
      int met = when > 0 && of == NULL && (number == when || (lasting && number > when));
      if (due) met = 1, due = 0;
      if (of != NULL && strstr(path, of + 1) != NULL && ++matches == when) {
        if (*of == '@') met = 1;
        else due = 1;
      }
      fprintf(log, "%ld %s %s%s%s\n", number, call->kind, path, met ? " <- " : "", met ? action : "");
      fflush(log);
      if (met && strcmp(action, "hold") == 0) continue;
      if (met && strcmp(action, "kill") == 0) kill(program, SIGKILL);
      if (met && strcmp(action, "short") == 0) {
        long written = half(&asked, program);
        if (written >= 0) answer.val = written, answer.flags = 0;
      }
      if (met && strcmp(action, "skip") == 0) answer.flags = 0;
      if (met && number_of(action) != 0) answer.error = -number_of(action), answer.flags = 0;
    }
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
}

int main(int count, char **args) {
  if (count < 7 || strcmp(args[5], "--") != 0) {
    fprintf(stderr, "usage: lab-faults LOG KINDS ACTION WHEN -- PROGRAM [ARGS]\n");
    return 2;
  }
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) fail("socketpair");
  pid_t program = fork();
  if (program == 0) {
    int listener = install();
    send_fd(pair[1], listener);
    close(listener);
    execvp(args[6], args + 6);
    _exit(127);  // saying why would need a write
  }
  int listener = receive_fd(pair[0]);
  // Outlives the program: what that has started asks as well, and would get ENOSYS without an answer.
  pid_t server = fork();
  if (server == 0) {
    setsid();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; fd++) dup2(null, fd);
    close(pair[0]), close(pair[1]);
    serve(listener, program, args);
    _exit(0);
  }
  close(listener);
  int status;
  while (waitpid(program, &status, 0) < 0) {
    if (errno != EINTR) fail("waitpid");
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
