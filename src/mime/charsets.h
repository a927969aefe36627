/* Charsets that libc reads from files, for processes that will not be able to. */
#ifndef MIME_CHARSETS_H
#define MIME_CHARSETS_H

/* Keep the usual ones loaded until the process ends. Those that libc lacks are left out.
 */
void mime_charsets_load(void);

#endif
