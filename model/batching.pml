/*
 * Commands, batches and answers: rules L7 and L8, as the leader's cycle (decide, append, act) keeps them.
 *
 * Clients send commands to two dispatchers, which may both believe that they lead. A command asks for a permit for one host in a
 * slot with a limit; it carries a key, and is repeated when its fate is unknown. A dispatcher folds the log, takes the leadership, and then
 * works in cycles: what gathered while the last append was in flight is decided, each command against the state with all earlier
 * decisions in it, appended in one batch or two, and answered. Whoever reads waits while the state is ahead of the log.
 *
 * The log is that of log.pml: an append at an index succeeds for one writer; its answer may be lost, and repeating it tells.
 */
#ifndef CLIENTS
#define CLIENTS 3
#endif
#ifndef INDICES
#define INDICES 3
#endif
#ifndef LIMIT
#define LIMIT 2
#endif
#define REPEATS 1      /* of one command by its client */

byte batch[INDICES], length;       /* commands in a batch, as bits */
byte writer[INDICES];
byte gathered[2];      /* commands that wait for the next cycle, as bits, by dispatcher */
byte state[2];         /* what each has folded: ahead of the log while an append is in flight */
bit  leads[2];
bit  appending[2];
#ifdef NO_L8_SERIAL
byte durable[2], early[2];         /* what each knows to be in the log; what was granted when it came */
#endif

/* Of a command, at its client. */
#define IDLE 0
#define SENT 1
#define GRANTED 2
#define DENIED 3
#define LOST 4         /* whether it is in the log is unknown */
byte answer[3];

#ifndef PROPERTY
#define PROPERTY hidden byte   /* no part of the state */
#endif
PROPERTY I1_limit_holds = 1;
PROPERTY L7_what_was_granted_is_in_the_log = 1;
PROPERTY L7_a_command_counts_once = 1;
PROPERTY L7_everyone_is_answered = 1;
PROPERTY L8_what_is_read_is_in_the_log = 1;
#define HOLDS(property, condition) property = (condition); assert(property)

#define size(set) (((set) & 1) + (((set) >> 1) & 1) + (((set) >> 2) & 1))

/* All that the log holds. */
inline fold(all) {
    d_step { all = 0; i = 0; do :: i < length -> all = all | batch[i]; i++ :: else -> break od; i = 0 }
}

inline checkLog() {
    d_step {
        all = 0; i = 0;
        do
        :: i < length -> HOLDS(L7_a_command_counts_once, (all & batch[i]) == 0); all = all | batch[i]; i++
        :: else -> break
        od;
        HOLDS(I1_limit_holds, size(all) <= LIMIT);
        i = 0; all = 0
    }
}

#ifdef NO_L7_KEY       /* nothing tells that a command is a repetition */
#define isKnown(c) false
#else
#define isKnown(c) (state[me] & (1 << (c)))
#endif

/* Decides command c. */
inline decide(c) {
    if
    :: taken & (1 << c) ->
        if
        :: isKnown(c) -> yes = yes | (1 << c)
        :: !isKnown(c) && size(against) < LIMIT -> yes = yes | (1 << c); entries = entries | (1 << c);
#ifndef NO_L8_FOLD     /* each decision sees those before it in its batch */
           against = against | (1 << c)
#endif
        :: !isKnown(c) && size(against) >= LIMIT -> no = no | (1 << c)
        fi
    :: else
    fi
}

inline tell(c) {
    if
    :: yes & (1 << c) -> answer[c] = GRANTED; printf("EV D%d grants host %d\n", me, c)
    :: no & (1 << c) -> answer[c] = DENIED; printf("EV D%d denies host %d\n", me, c)
    :: else
    fi
}
inline lost(c, which) { if :: which & (1 << c) -> answer[c] = LOST; printf("EV D%d tells client %d that it leads no longer\n", me, c) :: else fi }

#define forget state[me] = 0; against = 0; entries = 0; first = 0; yes = 0; no = 0; taken = 0; next = 0

proctype dispatcher(byte me) {
    byte against, taken, entries, first, yes, no, next, all, i;

campaign:
end1:
    atomic { length < INDICES ->
#ifdef NO_L8_DROP      /* the state of an ended reign is kept */
        fold(all); state[me] = state[me] | all; all = 0;
#else
        fold(state[me]);
#endif
        next = length; first = 0; entries = 0; appending[me] = 1;
        printf("EV D%d folds the log up to %d, and takes the leadership\n", me, next)
    }
    goto append;

idle:
end2:
    if
    :: atomic { gathered[me] && next < INDICES ->
        taken = gathered[me]; gathered[me] = 0; against = state[me];
#ifdef NO_L8_SERIAL    /* decided when it came, whatever was in flight then */
        yes = taken & early[me]; entries = yes & ~state[me]; no = taken & ~early[me]; early[me] = 0;
#else
        decide(0); decide(1); decide(2);
#endif
        state[me] = state[me] | entries; against = 0;
        printf("EV D%d decides commands %d: entries %d\n", me, taken, entries);
        if
        :: entries == 0 -> tell(0); tell(1); tell(2); yes = 0; no = 0; taken = 0; goto idle
        :: entries != 0 ->
            appending[me] = 1;
            if                                      /* what is too much for one batch goes on in the next */
            :: size(entries) > 1 && next + 1 < INDICES -> first = entries & -entries; entries = entries & ~first
            :: first = 0
            fi
        fi;
#ifdef NO_L7           /* answered when it was decided */
        tell(0); tell(1); tell(2); yes = 0; no = 0; taken = 0;
#endif
        goto append }
    :: atomic { next >= INDICES -> goto over }
    :: atomic { printf("EV D%d steps down\n", me); goto over }
    fi;

append:                    /* `first` at `next` if there is such a batch, or else `entries` */
    if
    :: atomic { length == next ->
        batch[next] = (first != 0 -> first : entries); writer[next] = me; length++; checkLog();
        if
        :: printf("EV D%d appends %d at %d\n", me, batch[next], next); goto appended
        :: printf("EV D%d appends %d at %d, the answer is lost\n", me, batch[next], next); goto append
        fi }
    :: atomic { length > next && writer[next] == me -> goto appended }
    :: atomic { length > next && writer[next] != me -> printf("EV D%d finds a conflict at %d\n", me, next); goto over }
    :: atomic { printf("EV D%d gives up\n", me); goto over }
    fi;
appended:
    atomic {
        next++;
        if
        :: first != 0 -> first = 0;
#ifdef NO_L8_WHOLE     /* answered when the first of its batches is in the log */
            tell(0); tell(1); tell(2); yes = 0; no = 0; taken = 0;
#endif
            if :: next < INDICES -> goto append :: else -> goto over fi
        :: else
        fi;
        entries = 0; leads[me] = 1; appending[me] = 0;
#ifdef NO_L8_SERIAL
        durable[me] = state[me];
#endif
        tell(0); tell(1); tell(2); yes = 0; no = 0; taken = 0;
        goto idle
    }

over:                      /* whoever waits hears that its fate is unknown */
    atomic {
        lost(0, taken); lost(1, taken); lost(2, taken);
#ifndef NO_L8_TELL     /* those that gathered meanwhile are told as well */
        lost(0, gathered[me]); lost(1, gathered[me]); lost(2, gathered[me]);
#endif
        gathered[me] = 0; leads[me] = 0; appending[me] = 0;
#ifdef NO_L8_DROP
        all = state[me]; forget; state[me] = all; all = 0;
#else
        forget;
#endif
        if :: length < INDICES -> goto campaign :: else -> goto end fi
    }
end: skip
}

#ifdef NO_L8_SERIAL
#define decideEarly(d) if :: size(durable[d]) < LIMIT || (durable[d] & (1 << me)) -> early[d] = early[d] | (1 << me) :: else fi
#else
#define decideEarly(d) skip
#endif
#define send(d) atomic { leads[d] -> answer[me] = SENT; gathered[d] = gathered[d] | (1 << me); decideEarly(d); printf("EV client %d asks D%d\n", me, d) }

proctype client(byte me) {
    byte repeats;
ask:
end1:
    if
    :: send(0)
    :: send(1)
    fi;
end2:
    if
    :: atomic { answer[me] == LOST && repeats < REPEATS -> repeats++; answer[me] = IDLE; goto ask }
    :: answer[me] == GRANTED || answer[me] == DENIED || (answer[me] == LOST && repeats == REPEATS)
    fi;
end: skip
}

/* Reads from memory, and asks nobody. */
#ifdef NO_L8_READ      /* reads while an append is in flight */
#define readable(d) leads[d]
#else
#define readable(d) (leads[d] && !appending[d])
#endif
proctype reader() {
    byte all, i;
end:
    atomic { readable(0) -> fold(all); printf("EV somebody reads %d at D0\n", state[0]); HOLDS(L8_what_is_read_is_in_the_log, (state[0] & ~all) == 0); all = 0 }
}

/* Where nothing can happen any more: the log is full. */
proctype monitor() {
    byte all, i, c;
end:
    atomic {
        timeout -> fold(all);
        do
        :: c < CLIENTS ->
            HOLDS(L7_what_was_granted_is_in_the_log, answer[c] != GRANTED || (all & (1 << c)));
            HOLDS(L7_everyone_is_answered, answer[c] != SENT);
            c++
        :: else -> break
        od
    }
}

init { atomic { run dispatcher(0); run dispatcher(1); run client(0); run client(1); 
#if CLIENTS > 2
    run client(2);
#endif
    run reader(); run monitor() } }
