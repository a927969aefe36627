/* Telling the service manager how we are: the datagrams of sd_notify(3). */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

/* state: "READY=1" and so on. Does nothing unless NOTIFY_SOCKET is set. */
void notify_manager(const char *state);

/* Sockets handed over by the manager (sd_listen_fds(3)): how many, from descriptor 3 on.
 */
int notify_sockets(void);

#endif
