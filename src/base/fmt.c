#include "base/fmt.h"

#include <stdio.h>
#include <string.h>

struct out {
	char *p;
	size_t size, n; /* n: bytes that there would be */
};

struct directive {
	bool zero;     /* the flag 0 */
	size_t width;  /* 0: none */
	int precision; /* -1: none */
	int longs;     /* l: 1, ll and z: 2 */
	char kind;
};

static void out_add(struct out *o, const char *p, size_t n)
{
	if (o->n < o->size && n)
		memcpy(o->p + o->n, p, n < o->size - o->n ? n : o->size - o->n);
	o->n += n;
}

static void out_pad(struct out *o, char c, size_t have, size_t width)
{
	for (; have < width; have++)
		out_add(o, &c, 1);
}

char *fmt_u64(uint64_t v, char ret[FMT_U64_BYTES])
{
	char *at = ret + FMT_U64_BYTES;

	do
		*--at = (char)('0' + v % 10);
	while (v /= 10);
	return at;
}

static void out_number(struct out *o, const struct directive *d, uint64_t v, bool minus)
{
	char digits[FMT_U64_BYTES], *end = digits + sizeof(digits), *at = end;
	size_t n;

	if (d->kind == 'x') {
		do
			*--at = "0123456789abcdef"[v & 15];
		while (v >>= 4);
	} else {
		at = fmt_u64(v, digits);
	}
	n = (size_t)(end - at);
	if (!d->zero)
		out_pad(o, ' ', n + minus, d->width);
	if (minus)
		out_add(o, "-", 1);
	if (d->zero)
		out_pad(o, '0', n + minus, d->width);
	out_add(o, at, n);
}

/*
 * What stands between % and the letter. False: more than is known here. The list of
 * arguments goes by pointer: where va_list is a struct, a callee's steps through a copy
 * would be lost.
 */
static bool directive_read(const char **fmt, struct directive *d, va_list *args)
{
	const char *f = *fmt;

	*d = (struct directive){ .precision = -1 };
	if (*f == '0') {
		d->zero = true;
		f++;
	}
	for (; *f >= '0' && *f <= '9' && d->width < 1000; f++)
		d->width = d->width * 10 + (size_t)(*f - '0');
	if (f[0] == '.' && f[1] == '*') {
		d->precision = va_arg(*args, int);
		f += 2;
	}
	for (; *f == 'l'; f++)
		d->longs++;
	if (*f == 'z') {
		d->longs = 2;
		f++;
	}
	d->kind = *f;
	*fmt = f + 1;
	return d->kind && strchr("scdiux%", d->kind) && d->longs <= 2 &&
	       (d->kind == 's' || d->precision < 0);
}

static void out_text(struct out *o, const struct directive *d, const char *s)
{
	size_t n;

	if (d->precision >= 0)
		n = d->precision ? strnlen(s, (size_t)d->precision) : 0;
	else
		n = strlen(s);
	out_pad(o, ' ', n, d->width);
	out_add(o, s, n);
}

_Static_assert(sizeof(long) == sizeof(long long) && sizeof(size_t) == sizeof(long),
	       "one length for all long numbers");

static void out_value(struct out *o, const struct directive *d, va_list *args)
{
	long long v;
	char c;

	switch (d->kind) {
	case 's':
		out_text(o, d, va_arg(*args, const char *));
		return;
	case 'c':
		c = (char)va_arg(*args, int);
		out_pad(o, ' ', 1, d->width);
		out_add(o, &c, 1);
		return;
	case '%':
		out_add(o, "%", 1);
		return;
	case 'd':
	case 'i':
		v = d->longs ? va_arg(*args, long long) : va_arg(*args, int);
		out_number(o, d, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0);
		return;
	default:
		out_number(o, d,
			   d->longs ? va_arg(*args, unsigned long long)
				    : va_arg(*args, unsigned),
			   false);
	}
}

/* False: there was a directive for vsnprintf. */
static bool out_all(struct out *o, const char *fmt, va_list *args)
{
	struct directive d;

	while (*fmt) {
		size_t plain = (size_t)(strchrnul(fmt, '%') - fmt);

		out_add(o, fmt, plain);
		fmt += plain;
		if (!*fmt)
			break;
		fmt++;
		if (!directive_read(&fmt, &d, args))
			return false;
		out_value(o, &d, args);
	}
	return true;
}

size_t fmt_text_v(char *ret, size_t ret_size, const char *fmt, va_list args)
{
	struct out o = { .p = ret, .size = ret_size };
	va_list again, first;
	int n;

	va_copy(first, args);
	va_copy(again, args);
	if (!out_all(&o, fmt, &first)) {
		n = vsnprintf(ret, ret_size, fmt, again);
		o.n = n < 0 ? 0 : (size_t)n;
	}
	va_end(first);
	va_end(again);
	if (ret_size)
		ret[o.n < ret_size ? o.n : ret_size - 1] = 0;
	return o.n;
}

size_t fmt_text(char *ret, size_t ret_size, const char *fmt, ...)
{
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = fmt_text_v(ret, ret_size, fmt, args);
	va_end(args);
	return n;
}
