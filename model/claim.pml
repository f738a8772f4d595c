/*
 * The lock and the fence of one host: rule E3 as claims and fences keep it (C1 to C6 in packages/stub/src/stub-text/claim.ts).
 *
 * Programs on one host, each step by itself, since a shell has nothing that does two things at once. `first` runs attempt 1. `second`
 * runs attempt 2, and leaves a fence against attempt 1. `probe` asks what became of attempt 1, and leaves a fence against it too: what
 * it doesn't find then never begins. A shell may be killed anywhere; what it has started lives on.
 */
#ifndef KILLS
#define KILLS 2
#endif

/* A claim. */
#define NONE 0
#define CLAIMED 1
#define RUNS 2
#define OUTCOME 3      /* with its end written behind it */

byte claim[3];         /* by attempt, 1 and 2 */
bit  shell[3];         /* the claim's main shell lives */
bit  command[3];       /* a process of the command's session lives */
bit  fence;            /* against attempt 1 */
bit  killed[3];
bit  yielding;         /* which of two that wait for each other takes its claim back: attempt 1 if 0, 2 if 1 */

/* What nobody can see: for the properties. */
byte kills;
bit  began[3];
bit  saidNever;        /* the probe has said that attempt 1 never began, and never will */

#ifndef PROPERTY
#define PROPERTY hidden byte   /* no part of the state */
#endif
PROPERTY I3_one_live_attempt_per_host = 1;
PROPERTY E1_what_never_began_never_runs = 1;
PROPERTY E3_nothing_fenced_off_begins_after_what_fenced_it = 1;
PROPERTY I6_nobody_waits_for_ever = 1;
#define HOLDS(property, condition) property = (condition); assert(property)

#define holdsUp(n) (claim[n] == CLAIMED || claim[n] == RUNS)
#ifdef NO_C3           /* a claim is live while its main shell lives, whatever that has started */
#define isLive(n) (holdsUp(n) && shell[n])
#else
#define isLive(n) (holdsUp(n) && (shell[n] || command[n]))
#endif

inline execute(n) {
    atomic {
        claim[n] = RUNS; command[n] = 1; began[n] = 1; printf("EV attempt %d RUNS\n", n);
        HOLDS(I3_one_live_attempt_per_host, command[1] + command[2] <= 1);
        HOLDS(E1_what_never_began_never_runs, !(n == 1 && saidNever));
        HOLDS(E3_nothing_fenced_off_begins_after_what_fenced_it, !(n == 1 && began[2]))
    }
    atomic { command[n] = 0; claim[n] = OUTCOME; printf("EV attempt %d ends, and leaves its outcome\n", n) }
}

#define put(n) atomic { claim[n] = CLAIMED; printf("EV attempt %d claims\n", n) }
#define takeBack(n) atomic { claim[n] = NONE; printf("EV attempt %d takes its claim back, and waits\n", n) }

proctype first() {
    bit fenced;
    {
#ifdef NO_C1           /* looks first, claims then */
    !isLive(2);
    put(1);
    fenced = fence;
#else
    do
    ::
#ifdef NO_C6_LOOK      /* looks for fences before its claim is there */
        fenced = fence;
        put(1);
#else
        put(1);
        fenced = fence;
#endif
        if
        :: !isLive(2) -> break
        :: fenced -> break
        :: isLive(2) && !fenced && yielding == 0 -> takeBack(1); !isLive(2)
        :: isLive(2) && !fenced && yielding == 1 -> !isLive(2)
        fi
    od;
#endif
    if
    :: fenced -> atomic { printf("EV attempt 1 is fenced off\n"); claim[1] = NONE; shell[1] = 0 }
    :: !fenced -> execute(1); shell[1] = 0
    fi
    } unless { killed[1] }
}

proctype second() {
    {
#ifdef NO_C1
    !isLive(1);
    put(2);
    fence = 1;
#else
    do
    ::
        put(2);
#ifndef NO_C6_BEFORE
        fence = 1;
#endif
        if
        :: !isLive(1) -> break
        :: isLive(1) && yielding == 1 -> takeBack(2); !isLive(1)
        :: isLive(1) && yielding == 0 -> !isLive(1)
        fi
    od;
#endif
    execute(2);
#ifdef NO_C6_BEFORE    /* leaves the fence when it has looked */
    fence = 1;
#endif
    shell[2] = 0
    } unless { killed[2] }
}

proctype probe() {
    bit told;
#ifdef NO_C6_PROBE     /* looks first, leaves the fence then */
    told = (claim[1] != NONE);
    fence = 1;
#else
    fence = 1;
    told = (claim[1] != NONE);
#endif
    if
    :: !told -> atomic { printf("EV the probe finds nothing: attempt 1 never began\n"); saidNever = 1; HOLDS(E1_what_never_began_never_runs, !began[1]) }
    :: told
    fi
}

/* Kills shells; what they had started ends at some time, and nobody writes down how. */
proctype fate() {
end:
    do
    :: atomic { kills < KILLS && shell[1] -> kills++; shell[1] = 0; killed[1] = 1; printf("EV the shell of attempt 1 is killed\n") }
    :: atomic { kills < KILLS && shell[2] -> kills++; shell[2] = 0; killed[2] = 1; printf("EV the shell of attempt 2 is killed\n") }
    :: atomic { command[1] && !shell[1] -> command[1] = 0; printf("EV what attempt 1 ran ends\n") }
    :: atomic { command[2] && !shell[2] -> command[2] = 0; printf("EV what attempt 2 ran ends\n") }
    :: atomic { timeout -> HOLDS(I6_nobody_waits_for_ever, !shell[1] && !shell[2]); goto over }
    od;
over: skip
}

init { atomic {
    if :: yielding = 0 :: yielding = 1 fi;
    shell[1] = 1; shell[2] = 1;
    run first(); run second(); run probe(); run fate()
} }
