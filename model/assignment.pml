/*
 * Orders, workers, hosts and evidence: rules A1 to A6, E1 to E4, and L7.
 *
 * log.pml shows that an append that succeeds is atomic, and made by the last leader on a complete fold. So here the log is its fold
 * (state, assigned, heard, term) and an append is one step. A leader that was deposed can still send, and answer: every order ever sent
 * stays in a set, and may arrive late, twice, in any order, or never. So do reports.
 *
 * Task 0 is a host's first attempt, task 1 its second (somebody asks for it). Another host, in the same slot with limit 1, runs another
 * job's command, about which nothing is in doubt: it runs from its permit to its end. Workers 0 and 1; X(w, q) is worker w's side of task q.
 *
 * Configurations:
 *   (none)        nothing is lost for good: safety
 *   -DSETTLES     orders and outboxes are lost with what carries them, and where nothing can happen any more everything has settled (I6)
 *   -DFORGETS     journals forget what was acknowledged
 *   -DHALTS -DRELEASES -DREBOOTS -DLOSES_JOURNAL   what people and machines do besides
 */
#ifndef TERMS
#define TERMS 2
#endif
#ifndef FAULTS
#define FAULTS 1       /* crashed workers, lost rexecs or connections, in all */
#endif

/* Of a task, in the log. */
#define NONE 0
#define WAITING 1
#define PERMITTED 2
#define ASSIGNED 3
#define SUCCEEDED 4    /* evidence */
#define FAILED 5       /* evidence; the host goes on counting (S3) */
#define UNKNOWN 6
#define NEVER 7        /* it never began, and never will */

/* Reports, as bits. */
#define saysSucceeded 1
#define saysFailed 2
#define saysUnknown 4
#define saysRefused 8

/* Of a task, in a worker's journal. */
#define RECEIVED 1
#define BEGUN 2
#define DONE 3
#define REFUSED 4

#define X(w, q) (2 * (w) + (q))

byte term = 1;
byte state[2], assigned[2];
byte other = WAITING;  /* the other host's attempt: WAITING, PERMITTED (it runs), SUCCEEDED */
bit  heard[2];         /* the log has the worker's own word that it doesn't know, which it gives only when its rexec is dead */
bit  released;          /* somebody has let go of the host on task 0's account */
bit  fencing;          /* the orders of task 1 carry the fence: somebody has said that the worker of task 0 is gone */
byte settledIn[2];     /* term in which the log got the end */

byte orders[4];        /* terms under which the order was sent, bit 1 << term */
byte reports[4];       /* ever sent */
byte outbox[4];
byte logged[4];        /* reports that the log holds */

byte journal[4], highest[2];       /* durable; highest term */
byte forgetAfter[4];   /* the term after which the entry may go */
bit  up[2], newJournal[2];

bit  rexec[4];         /* one that has not dialled yet; it may outlive its worker */
bit  linked[4];        /* the worker still holds the rexec, and that the connection */
bit  alive[4];         /* the command runs on the host */
byte outcome[2];       /* left on the host by a stub whose connection was cut (E4), by task */
bit  fence;            /* on the host, against task 0 */
byte fetched;          /* task 0's outcome, as task 1's stub found it (E3) */

/* What nobody can see: for the properties. */
byte runs[2];
bit  replaced[2];
byte faults;
bit  rebooted;
#ifdef SETTLES
bit  losses;
byte oldView;          /* tasks that the old leader, when it was deposed, knew as a worker's, bit X(w, q) */
bit  oldEnd[2];        /* and as ended */
#endif

#ifndef PROPERTY
#define PROPERTY hidden byte   /* no part of the state */
#endif
PROPERTY I1_limit_holds_in_the_log = 1;
PROPERTY I1_limit_holds_on_the_hosts = 1;
PROPERTY I3_one_live_attempt_per_host = 1;
PROPERTY I4_an_end_is_final = 1;
PROPERTY I4_unknown_gives_way_once = 1;
PROPERTY I6_everything_settles = 1;
PROPERTY I6_outboxes_empty = 1;
PROPERTY I7_an_attempt_runs_once = 1;
PROPERTY I7_a_further_attempt_was_asked_for = 1;
PROPERTY I9_no_outcome_stays = 1;
PROPERTY E1_what_never_began_never_runs = 1;
PROPERTY L7_no_acknowledged_end_is_lost = 1;
#define HOLDS(property, condition) property = (condition); assert(property)

#define liveOnHost (alive[0] || alive[1] || alive[2] || alive[3])
#define isEnd(q) (state[q] >= SUCCEEDED)

#ifdef NO_E1           /* unknown doesn't count */
#define counts(q) ((state[q] == PERMITTED || state[q] == ASSIGNED || state[q] == FAILED) && !(released && (q) == 0))
#else
#ifdef HOLDS_UNTIL_JOB_ENDS    /* hold_failures: until-job-ends */
#define counts(q) ((state[q] == PERMITTED || state[q] == ASSIGNED || state[q] == UNKNOWN) && !(released && (q) == 0))
#else
#define counts(q) ((state[q] == PERMITTED || state[q] == ASSIGNED || state[q] == FAILED || state[q] == UNKNOWN) && !(released && (q) == 0))
#endif
#endif
#ifdef NO_E1_EACH      /* the host has one permit, which evidence for either attempt frees */
#define hostCounts (state[1] != SUCCEEDED && state[0] != SUCCEEDED && state[0] != NEVER && (counts(0) || counts(1)))
#else
#define hostCounts (state[1] != SUCCEEDED && (counts(0) || counts(1)))
#endif
#define otherCounts (other == PERMITTED)

inline check() {
    HOLDS(I1_limit_holds_in_the_log, !(hostCounts && otherCounts));
    HOLDS(I1_limit_holds_on_the_hosts, !(liveOnHost && otherCounts));
    HOLDS(I3_one_live_attempt_per_host, alive[0] + alive[1] + alive[2] + alive[3] <= 1);
    HOLDS(I7_an_attempt_runs_once, runs[0] <= 1 && runs[1] <= 1);
    HOLDS(I7_a_further_attempt_was_asked_for, runs[1] == 0 || state[1] != NONE);
    HOLDS(E1_what_never_began_never_runs, (state[0] != NEVER || runs[0] == 0) && (state[1] != NEVER || runs[1] == 0))
}

#define order(w, q) orders[X(w, q)] = orders[X(w, q)] | (1 << term)
#ifdef SETTLES
#define report(x, what) reports[x] = reports[x] | (what); outbox[x] = (what)
#define arrives(x, what) (outbox[x] == (what))
#define note(x, what) logged[x] = logged[x] | (what)
#else
#define report(x, what) reports[x] = reports[x] | (what)
#define arrives(x, what) (reports[x] & (what))
#define note(x, what) skip
#endif
#ifdef FORGETS
#define settled(q) settledIn[q] = term
#else
#define settled(q) skip
#endif
#ifdef NO_A6_ASSIGNED  /* reports count from any worker */
#define counted(w, q) true
#else
#define counted(w, q) (assigned[q] == (w))
#endif

/* By symmetry, the first assignment may be taken to be worker 0's. */
#define eligible(w, q) ((w) == 0 || (q) != 0 || orders[0] != 0 || (reports[0] & saysRefused))

/* The leader: permits, assigns, takes reports. An order leaves with its entry (A1). */
#define L_PERMIT(q) :: d_step { state[q] == WAITING && !otherCounts -> printf("EV log: task %d is permitted\n", q); state[q] = PERMITTED; check() }
#define OTHER \
  :: d_step { other == WAITING && !hostCounts -> printf("EV log: the other host is permitted, and runs its command\n"); other = PERMITTED; check() } \
  :: d_step { other == PERMITTED -> printf("EV log: the other host's command has succeeded\n"); other = SUCCEEDED }
#define L_ASSIGN(w, q) :: d_step { state[q] == PERMITTED && eligible(w, q) && !(reports[X(w, q)] & saysRefused) -> printf("EV log: task %d is assigned to W%d, the order is sent under term %d\n", q, w, term); state[q] = ASSIGNED; assigned[q] = (w); heard[q] = 0; order(w, q); check() }

#ifdef NO_E2           /* what ended is overwritten by what arrives later */
#define L_OVERWRITE(w, q) :: d_step { arrives(X(w, q), saysUnknown) && counted(w, q) && (state[q] == SUCCEEDED || state[q] == FAILED) -> printf("EV log: task %d, ended as %d, is called unknown\n", q, state[q]); HOLDS(I4_an_end_is_final, false) }
#else
#define L_OVERWRITE(w, q)
#endif
#define L_EVIDENCE(w, q, what, end) \
  :: d_step { arrives(X(w, q), what) && counted(w, q) && (state[q] == ASSIGNED || state[q] == UNKNOWN) -> printf("EV log: task %d ends as %d, says W%d\n", q, end, w); HOLDS(I4_unknown_gives_way_once, !(state[q] == UNKNOWN && replaced[q])); replaced[q] = (state[q] == UNKNOWN); state[q] = (end); note(X(w, q), what); settled(q); check() }
#define L_REPORT(w, q) \
  L_EVIDENCE(w, q, saysSucceeded, SUCCEEDED) L_EVIDENCE(w, q, saysFailed, FAILED) L_OVERWRITE(w, q) \
  :: d_step { arrives(X(w, q), saysUnknown) && counted(w, q) && (state[q] == ASSIGNED || (state[q] == UNKNOWN && !heard[q])) -> printf("EV log: task %d is unknown, says W%d itself\n", q, w); state[q] = UNKNOWN; heard[q] = 1; note(X(w, q), saysUnknown); settled(q); check() } \
  :: d_step { arrives(X(w, q), saysRefused) && counted(w, q) && state[q] == ASSIGNED -> printf("EV log: W%d refuses task %d: it may move\n", w, q); state[q] = PERMITTED; note(X(w, q), saysRefused); settled(q); check() } \
  :: d_step { arrives(X(w, q), saysRefused) && counted(w, q) && state[q] == UNKNOWN -> printf("EV log: task %d never began, says W%d\n", q, w); HOLDS(I4_unknown_gives_way_once, !replaced[q]); replaced[q] = 1; state[q] = NEVER; note(X(w, q), saysRefused); settled(q); check() }

#ifdef NO_A3           /* a lost worker's attempts move */
#define L_LOSE(q) :: d_step { state[q] == ASSIGNED -> printf("EV log: the worker of task %d is lost: it moves\n", q); state[q] = PERMITTED; check() }
#else
#ifdef SETTLES
#define L_LOSE(q) :: d_step { state[q] == ASSIGNED && !losses -> losses = 1; printf("EV log: the worker of task %d is lost: unknown\n", q); state[q] = UNKNOWN; settled(q); check() }
#else
#define L_LOSE(q) :: d_step { state[q] == ASSIGNED -> printf("EV log: the worker of task %d is lost: unknown\n", q); state[q] = UNKNOWN; settled(q); check() }
#endif
#endif

/* Worker w, task q. */
#ifdef NO_A2_TERM      /* orders of older terms are obeyed */
#define current(w, t) true
#else
#define current(w, t) ((t) >= highest[w])
#endif
#define learn(w, t) if :: (t) > highest[w] -> highest[w] = (t) :: else fi
#define W_RECEIVE(w, q, t) \
  :: d_step { up[w] && (orders[X(w, q)] & (1 << (t))) && journal[X(w, q)] == NONE && current(w, t) -> printf("EV W%d journals task %d as received (order of term %d)\n", w, q, t); journal[X(w, q)] = RECEIVED; learn(w, t) } \
  :: d_step { up[w] && (orders[X(w, q)] & (1 << (t))) && (t) > highest[w] -> printf("EV W%d learns term %d\n", w, t); learn(w, t) }
#ifdef NO_A2_SILENT    /* the refusal of an older term's order is taken for a durable one */
#define W_REFUSE_OLD(w, q, t) :: d_step { up[w] && (orders[X(w, q)] & (1 << (t))) && (t) < highest[w] && !(reports[X(w, q)] & saysRefused) -> printf("EV W%d refuses task %d: the order is of term %d\n", w, q, t); report(X(w, q), saysRefused) }
#else
#define W_REFUSE_OLD(w, q, t)
#endif
#ifdef NO_A3_JOURNALED /* a refusal is said, not journaled */
#define JOURNALED_REFUSAL NONE
#else
#define JOURNALED_REFUSAL REFUSED
#endif
#ifdef SETTLES         /* not both: nobody else could be given it */
#define mayRefuse(x) (!(reports[((x) + 2) % 4] & saysRefused))
#else
#define mayRefuse(x) true
#endif
#define W_REFUSE(w, q) :: d_step { up[w] && journal[X(w, q)] == RECEIVED && !(reports[X(w, q)] & saysRefused) && mayRefuse(X(w, q)) -> printf("EV W%d durably refuses task %d\n", w, q); journal[X(w, q)] = JOURNALED_REFUSAL; report(X(w, q), saysRefused) }
#define W_BEGIN(w, q) :: d_step { up[w] && journal[X(w, q)] == RECEIVED -> printf("EV W%d journals task %d as begun, its rexec has it\n", w, q); journal[X(w, q)] = BEGUN; rexec[X(w, q)] = 1; linked[X(w, q)] = 1 }

/* The host: the stub takes the lock, leaves its fence, settles what it finds, and runs the command. */
#ifdef NO_E3_LOCK
#define lockFree(q) true
#else
#define lockFree(q) (!liveOnHost)
#endif
#ifdef NO_E3_SETTLING
#define settleEarlier(q) skip
#else
#define settleEarlier(q) if :: (q) == 1 && outcome[0] -> fetched = outcome[0]; outcome[0] = 0 :: else fi
#endif
#define H_START(w, q) :: d_step { rexec[X(w, q)] && lockFree(q) -> rexec[X(w, q)] = 0; \
    if \
    :: (q) == 0 && fence -> printf("EV host: task 0 is fenced off\n"); if :: linked[X(w, q)] -> journal[X(w, q)] = DONE; linked[X(w, q)] = 0; report(X(w, q), saysRefused) :: else fi \
    :: else -> printf("EV host: task %d RUNS (from W%d)\n", q, w); settleEarlier(q); if :: (q) == 1 && fencing -> fence = 1 :: else fi; alive[X(w, q)] = 1; runs[q]++; check() \
    fi }
#define H_END(w, q) \
  :: atomic { alive[X(w, q)] && linked[X(w, q)] -> printf("EV host: task %d ends, W%d has the result\n", q, w); alive[X(w, q)] = 0; linked[X(w, q)] = 0; journal[X(w, q)] = DONE; if :: (q) == 1 -> HOLDS(I9_no_outcome_stays, outcome[0] == 0) :: else fi; if :: report(X(w, q), saysSucceeded) :: report(X(w, q), saysFailed) fi } \
  :: atomic { alive[X(w, q)] && !linked[X(w, q)] -> printf("EV host: task %d ends unseen\n", q); alive[X(w, q)] = 0; if :: outcome[q] = saysSucceeded :: outcome[q] = saysFailed :: skip fi }
#define H_DIE(w, q) :: d_step { rexec[X(w, q)] && !linked[X(w, q)] -> rexec[X(w, q)] = 0 }   /* a rexec without a worker ends by itself */
#ifdef NO_E3_DEAD      /* a worker says "unknown" while the rexec of that attempt may still dial */
#define endRexec(x) skip
#else
#define endRexec(x) rexec[x] = 0
#endif
/* Its connection is cut, or its rexec dies. */
#define W_CUT(w, q) :: d_step { up[w] && linked[X(w, q)] && (alive[X(w, q)] || rexec[X(w, q)]) && faults < FAULTS -> printf("EV W%d loses the rexec of task %d: unknown\n", w, q); faults++; linked[X(w, q)] = 0; endRexec(X(w, q)); report(X(w, q), saysUnknown) }
#define W_FETCH(w, q) :: d_step { up[w] && journal[X(w, q)] == BEGUN && !linked[X(w, q)] && outcome[q] -> printf("EV W%d fetches the outcome of task %d\n", w, q); journal[X(w, q)] = DONE; report(X(w, q), outcome[q]); outcome[q] = 0 }

/* Crashes. */
#ifdef NO_A4           /* the journal is lost with the process, and nobody knows */
#define keep(x) if :: journal[x] != NONE -> journal[x] = NONE :: else fi
#define keepTerm(w) highest[w] = 0
#else
#ifdef NO_A4_BEGUN     /* begun isn't synced before rexec dials */
#define keep(x) if :: journal[x] == BEGUN -> journal[x] = RECEIVED :: else fi
#else
#define keep(x) skip
#endif
#define keepTerm(w) skip
#endif
#ifdef SETTLES         /* what was on its way to it is lost */
#define loseOrders(x) orders[x] = 0
#ifdef NO_A6           /* results wait in memory alone */
#define keepOutbox(x) outbox[x] = 0
#else
#define keepOutbox(x) skip
#endif
#else
#define loseOrders(x) skip
#define keepOutbox(x) skip
#endif
#define lose(x) linked[x] = 0; keep(x); loseOrders(x); keepOutbox(x)
#define W_CRASH(w) :: d_step { up[w] && faults < FAULTS -> printf("EV W%d crashes\n", w); faults++; up[w] = 0; lose(X(w, 0)); lose(X(w, 1)); keepTerm(w) }
#ifdef LOSES_JOURNAL
#define wipe(x) linked[x] = 0; journal[x] = NONE
#define W_WIPE(w) :: d_step { up[w] && faults < FAULTS -> printf("EV W%d crashes, and its disk is lost\n", w); faults++; up[w] = 0; newJournal[w] = 1; wipe(X(w, 0)); wipe(X(w, 1)); highest[w] = 0 }
#ifdef NO_A4_IDENTITY  /* it is taken for the worker that it was */
#define introduce(w, q) skip
#else
/* Another journal greets: what the earlier one was ordered is unknown, and nobody is there for its orders. What it says of them doesn't count. */
#define introduce(w, q) orders[X(w, q)] = 0; reports[X(w, q)] = 0; if :: state[q] == ASSIGNED && assigned[q] == (w) -> state[q] = UNKNOWN; settled(q) :: else fi; if :: assigned[q] == (w) -> assigned[q] = 2 :: else fi
#endif
#define GREET(w) if :: newJournal[w] -> newJournal[w] = 0; introduce(w, 0); introduce(w, 1) :: else fi
#else
#define W_WIPE(w)
#define GREET(w) skip
#endif
/* What was received never begins; what was begun and has no result is unknown. */
#define recover(x) if \
    :: journal[x] == RECEIVED && mayRefuse(x) && !(reports[x] & saysRefused) -> journal[x] = JOURNALED_REFUSAL; report(x, saysRefused) \
    :: journal[x] == BEGUN && !(reports[x] & (saysSucceeded | saysFailed | saysUnknown)) -> endRexec(x); report(x, saysUnknown) \
    :: else fi
#ifdef SETTLES
#ifdef NO_A2_RESEND    /* nobody looks what a worker lacks */
#define resend(w, q) skip
#else
/* With its greeting a worker names what it holds: the leader sends what it lacks. */
#define resend(w, q) if :: state[q] == ASSIGNED && assigned[q] == (w) && journal[X(w, q)] == NONE -> order(w, q) :: else fi
#endif
#else
#define resend(w, q) skip
#endif
#define W_RESTART(w) :: d_step { !up[w] -> printf("EV W%d restarts\n", w); up[w] = 1; GREET(w); recover(X(w, 0)); recover(X(w, 1)); resend(w, 0); resend(w, 1); check() }

/* Acknowledgements. */
#ifdef SETTLES
#ifdef NO_L7           /* before the entry is in the log */
#define mayAcknowledge(x, q) true
#else
#ifdef NO_L7_VOID      /* only what is in the log literally is acknowledged */
#define mayAcknowledge(x, q) (logged[x] & outbox[x])
#else
#define mayAcknowledge(x, q) ((logged[x] & outbox[x]) || state[q] == SUCCEEDED || state[q] == FAILED || state[q] == NEVER || (state[q] == UNKNOWN && outbox[x] == saysUnknown && heard[q]))
#endif
#endif
/* A deposed leader answers from what it knew: what changes nothing there needs no append. */
#ifdef NO_L7_TERM      /* a worker reports to any leader, also one that is behind its own term */
#define uptodate(w) true
#else
#define uptodate(w) (highest[w] <= 1)
#endif
#define W_ACKNOWLEDGED(w, q) \
  :: d_step { up[w] && outbox[X(w, q)] && mayAcknowledge(X(w, q), q) -> printf("EV W%d: report %d of task %d is acknowledged\n", w, outbox[X(w, q)], q); outbox[X(w, q)] = 0 } \
  :: d_step { up[w] && outbox[X(w, q)] && term > 1 && uptodate(w) && (!(oldView & (1 << X(w, q))) || oldEnd[q]) -> printf("EV W%d: report %d of task %d is acknowledged by the deposed leader, as void\n", w, outbox[X(w, q)], q); outbox[X(w, q)] = 0 }
#define view(w, q) if :: (state[q] == ASSIGNED || state[q] == UNKNOWN) && assigned[q] == (w) -> oldView = oldView | (1 << X(w, q)) :: else fi
#define LOOK_BACK if :: term == 1 -> view(0, 0); view(0, 1); view(1, 0); view(1, 1); oldEnd[0] = isEnd(0) && state[0] != UNKNOWN; oldEnd[1] = isEnd(1) && state[1] != UNKNOWN; :: else fi
#else
#define W_ACKNOWLEDGED(w, q)
#define LOOK_BACK skip
#endif

/* The journal forgets what was acknowledged, once a term later than the acknowledging one is journaled. */
#ifdef FORGETS
#ifdef NO_A4_FORGET    /* at once */
#define mayForget(w, q) true
#else
#ifdef NO_A4_LATER     /* once a term is journaled that is later than the worker's own, as it was when it was acknowledged */
#define mayForget(w, q) (forgetAfter[X(w, q)] && highest[w] > forgetAfter[X(w, q)])
#define W_NOTE(w, q) :: d_step { up[w] && isEnd(q) && state[q] != UNKNOWN && journal[X(w, q)] == DONE && !forgetAfter[X(w, q)] -> printf("EV W%d: task %d is acknowledged, the worker knows of term %d\n", w, q, highest[w]); forgetAfter[X(w, q)] = highest[w] }
#else
#define mayForget(w, q) (highest[w] > settledIn[q])
#endif
#endif
#ifndef W_NOTE
#define W_NOTE(w, q)
#endif
#define W_FORGET(w, q) W_NOTE(w, q) :: d_step { up[w] && isEnd(q) && state[q] != UNKNOWN && (journal[X(w, q)] == DONE || journal[X(w, q)] == REFUSED) && mayForget(w, q) -> printf("EV W%d forgets task %d\n", w, q); journal[X(w, q)] = NONE; forgetAfter[X(w, q)] = 0 }
#else
#define W_FORGET(w, q)
#endif

#if TERMS > 2
#define RECEIVE(w, q) W_RECEIVE(w, q, 1) W_RECEIVE(w, q, 2) W_RECEIVE(w, q, 3) W_REFUSE_OLD(w, q, 1) W_REFUSE_OLD(w, q, 2)
#else
#define RECEIVE(w, q) W_RECEIVE(w, q, 1) W_RECEIVE(w, q, 2) W_REFUSE_OLD(w, q, 1)
#endif
#define ALL(w, q) L_ASSIGN(w, q) L_REPORT(w, q) RECEIVE(w, q) W_REFUSE(w, q) W_BEGIN(w, q) H_START(w, q) H_END(w, q) H_DIE(w, q) W_CUT(w, q) W_FETCH(w, q) W_ACKNOWLEDGED(w, q) W_FORGET(w, q)

#ifdef NO_E1_REBOOT    /* any reboot is taken for evidence, also of an attempt that may not have reached the host yet */
#define startKnown true
#else
#define startKnown runs[0]
#endif
#ifdef NO_E3_DURABLE   /* the fence doesn't survive a reboot */
#define wipeFence fence = 0
#else
#define wipeFence skip
#endif

/* E3: another attempt on an unknown host. */
#ifdef NO_E3
#define mayRetry (state[0] == FAILED || state[0] == UNKNOWN)
#define fenceIt skip
#else
#define mayRetry (state[0] == FAILED || state[0] == UNKNOWN)
#define fenceIt fencing = (state[0] == UNKNOWN && !heard[0])
#endif
#ifdef NO_E3_RELEASE
#define mayRelease true
#else
#define mayRelease heard[0]
#endif

#define isLost(q) (state[q] == ASSIGNED && assigned[q] < 2 && journal[X(assigned[q], q)] == DONE && !outbox[X(assigned[q], q)])
#define hasSettled(q) (state[q] == NONE || isEnd(q))

active proctype world() {
    state[0] = WAITING; up[0] = 1; up[1] = 1;
    do
    L_PERMIT(0) L_PERMIT(1) OTHER
    ALL(0, 0) ALL(0, 1) ALL(1, 0) ALL(1, 1)
    L_LOSE(0) L_LOSE(1)
    W_CRASH(0) W_CRASH(1) W_RESTART(0) W_RESTART(1)
    W_WIPE(0) W_WIPE(1)
    /* Another leader, or the same one takes its term anew. It sends again what the log assigns, to the worker that the log names (A2). */
    :: d_step { term < TERMS -> LOOK_BACK; term++; printf("EV log: term %d; what is assigned is sent again\n", term);
        if :: state[0] == ASSIGNED && assigned[0] < 2 -> order(assigned[0], 0) :: else fi;
        if :: state[1] == ASSIGNED && assigned[1] < 2 -> order(assigned[1], 1) :: else fi }
    /* What task 1's stub found of task 0. */
    :: d_step { fetched && (state[0] == UNKNOWN || state[0] == ASSIGNED) -> printf("EV log: task 0 is settled by task 1's stub as %d\n", fetched); HOLDS(I4_unknown_gives_way_once, !replaced[0]); replaced[0] = 1; if :: fetched == saysSucceeded -> state[0] = SUCCEEDED :: else -> state[0] = FAILED fi; settled(0); check() }
    /* Somebody asks for another attempt. */
    :: d_step { mayRetry && state[1] == NONE -> fenceIt; printf("EV somebody asks for another attempt (with a fence: %d)\n", fencing); state[1] = WAITING }
#ifdef HALTS           /* what has no order never starts */
    :: d_step { (state[0] == WAITING || state[0] == PERMITTED) -> printf("EV log: halted, task 0 never began\n"); state[0] = NEVER; check() }
#ifdef NO_A3_HALT      /* also what is assigned, and has not been heard of */
    :: d_step { state[0] == ASSIGNED -> printf("EV log: halted, task 0 is said never to have begun\n"); state[0] = NEVER; check() }
#endif
#endif
#ifdef RELEASES        /* somebody has looked: nothing of ours runs on the host */
    :: d_step { state[0] == UNKNOWN && !liveOnHost && !released && mayRelease -> printf("EV somebody releases the host\n"); released = 1; check() }
#endif
#ifdef REBOOTS
    /* The host restarts, which nobody may have seen. */
    :: d_step { !rebooted -> rebooted = 1; printf("EV the host reboots\n"); alive[0] = 0; alive[1] = 0; alive[2] = 0; alive[3] = 0; outcome[0] = 0; outcome[1] = 0; wipeFence }
    /* It is seen: the command is over. */
    :: d_step { state[0] == UNKNOWN && startKnown && !replaced[0] -> printf("EV the host reboots, and that is taken for task 0's end\n"); alive[0] = 0; alive[1] = 0; alive[2] = 0; alive[3] = 0; outcome[0] = 0; wipeFence; replaced[0] = 1; state[0] = FAILED; check() }
#endif
#ifdef NO_A1           /* an order leaves before its entry is in the log, and the entry never gets there */
    :: d_step { state[0] == PERMITTED && !(orders[0] & (1 << term)) -> printf("EV the order for task 0 is sent to W0 under term %d, and isn't in the log\n", term); order(0, 0) }
#endif
#ifdef NO_A2           /* a new leader gives an attempt to another worker than the log names */
    :: d_step { state[0] == ASSIGNED && term > 1 && !orders[X(1 - assigned[0], 0)] -> printf("EV the new leader gives task 0 to the other worker\n"); assigned[0] = 1 - assigned[0]; order(assigned[0], 0) }
#endif
#ifdef SETTLES         /* faults are bounded and the rest only moves on, so every path ends, and here it does */
    :: else ->
        HOLDS(L7_no_acknowledged_end_is_lost, !isLost(0) && !isLost(1));
        HOLDS(I6_everything_settles, hasSettled(0) && hasSettled(1) && (other == SUCCEEDED || (other == WAITING && hostCounts)));
        HOLDS(I6_outboxes_empty, !outbox[0] && !outbox[1] && !outbox[2] && !outbox[3]);
        break
#else
    :: else -> break
#endif
    od
}
