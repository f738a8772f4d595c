/*
 * Sealed credentials in the memory of dispatchers and workers: rules V1 to V3 and V5.
 *
 * The log is its fold, as in assignment.pml. Two dispatchers and two workers hold, in memory alone, what a job was submitted with. One
 * job number is given twice: a submission whose append is lost leaves it to the next, with another digest. Digest A is sealed for both
 * workers, B for worker 1 only. A deposed leader still sends what it knows of. A greeting names what its worker held when it was written.
 *
 * V1, and the refill from other dispatchers in V2, are as they are designed: the product has them with several dispatchers.
 */
#ifndef TERMS
#define TERMS 2
#endif
#ifndef FAULTS
#define FAULTS 1       /* crashes of any process and cut links, in all */
#endif
#define A 1
#define B 2
#define sealedFor(digest, w) ((digest) == A || (w) == 1)

/* The job, in the log. */
#define NONE 0
#define OPEN 1
#define NEEDS 2        /* needs-credentials */
#define ENDED 3
byte state, digest, leader;
byte term = 1;
byte renewals;         /* by people */

/* A dispatcher: `sees` is what it knows of the job: the log as long as it leads, what it was before once it was deposed. */
bit  up[2], leads[2];
byte vault[2];         /* digests, as bits */
byte sees[2], seesDigest[2], its[2];       /* its[d] is its term */
byte expected[2];      /* while it refills: workers that may still bring something, as bits; bit 2 is the other dispatcher */
byte taking[2];        /* a worker, plus 1, of whose return it has looked at the log and not put it into its vault yet */

/* A worker. */
bit  alive[2];
byte held[2], highest[2];
byte opening[2], openingTerm[2];   /* on its way to the worker: a digest, and the term that it was sent under */

/* Of dispatcher d and worker w: L(d, w). */
#define L(d, w) (2 * (d) + (w))
bit  session[4];
bit  opened[4];        /* the dispatcher knows that the worker has the job open */
bit  greets[4];        /* a greeting is on its way, or waits until that dispatcher leads */
byte names[4], namesTerm[4];       /* what it names: held credentials, and the highest term that the worker knew */
bit  returns[4];       /* the worker was asked to bring what it holds */

byte faults;
bit  lived[2];         /* this dispatcher could have held the credentials ever since they were accepted */

#ifndef PROPERTY
#define PROPERTY hidden byte   /* no part of the state */
#endif
PROPERTY V1_nobody_is_asked_while_a_dispatcher_lived = 1;
PROPERTY V2_nobody_is_asked_while_a_worker_holds = 1;
PROPERTY V3_opened_for_whom_it_was_sealed = 1;
PROPERTY V_opened_with_its_own_credentials = 1;
PROPERTY V5_a_person_can_help = 1;
PROPERTY I8_gone_from_dispatchers_after_the_job = 1;
PROPERTY I8_gone_from_workers_after_the_job = 1;
#define HOLDS(property, condition) property = (condition); assert(property)

#define isLeader(d) (leads[d] && leader == (d))
#define isOpen(s) ((s) == OPEN || (s) == NEEDS)
#ifdef NO_V_DIGEST     /* found by the job's number alone */
#define has(d, dg) (vault[d] != 0)
#define found(d, dg) (vault[d] & A -> A : B)
#else
#define has(d, dg) (vault[d] & (dg))
#define found(d, dg) (dg)
#endif
#define refilling(d) (expected[d] != 0)
#define put(d, dg) vault[d] = vault[d] | (dg)

#ifdef NO_V1
#define replicate(d, dg) skip
#else
#ifdef NO_V1_KNOWN     /* a peer takes what it is given, also for a job that it knows to be another, or over */
#define wants(p, dg) true
#else
#define wants(p, dg) (!isLeader(p) || state == NONE || (isOpen(state) && digest == (dg)))
#endif
#define replicate(d, dg) if :: up[1 - (d)] && wants(1 - (d), dg) -> put(1 - (d), dg) :: else fi
#endif
#define see(d) sees[d] = state; seesDigest[d] = digest
/* What the log doesn't know of goes. */
#ifdef NO_V_TAKEOVER
#define cleanUp(d) skip
#else
#define cleanUp(d) vault[d] = (isOpen(state) -> vault[d] & digest : 0)
#endif
#define unlink(d, w) session[L(d, w)] = 0; opened[L(d, w)] = 0; returns[L(d, w)] = 0; if :: taking[d] == (w) + 1 -> taking[d] = 0 :: else fi
#define depose(d) leads[d] = 0; expected[d] = 0; taking[d] = 0; unlink(d, 0); unlink(d, 1)

/* Submissions. A leader that was deposed finds out with the append. */
#define D_SUBMIT(d, dg) \
  :: d_step { leads[d] && sees[d] == NONE && !refilling(d) -> put(d, dg); replicate(d, dg); \
     if \
     :: isLeader(d) && state == NONE -> state = OPEN; digest = (dg); see(d); lived[0] = up[0]; lived[1] = up[1]; printf("EV D%d accepts the job with digest %d\n", d, dg) \
     :: else -> depose(d); printf("EV D%d puts digest %d into its vault, the append is a conflict\n", d, dg) \
     fi }

#ifdef NO_V2_PEERS
#define PEER(d) 0
#else
#define PEER(d) (up[1 - (d)] -> 4 : 0)
#endif
#ifdef NO_V2_WORKERS
#define WORKERS 0
#else
#define WORKERS 3
#endif
#ifdef NO_V_RECHECK    /* put, whatever has become of the job meanwhile */
#define stillOpen(d) true
#else
#define stillOpen(d) isOpen(sees[d])
#endif
#define D_LEAD(d) \
  :: d_step { up[d] && !isLeader(d) && term < TERMS -> term++; printf("EV D%d leads, term %d\n", d, term); leader = d; depose(d); leads[d] = 1; its[d] = term; see(d); cleanUp(d); expected[d] = (isOpen(state) -> WORKERS | PEER(d) : 0) }
#define D_PEER(d) \
  :: d_step { isLeader(d) && (expected[d] & 4) -> expected[d] = expected[d] & 3; if :: up[1 - (d)] && stillOpen(d) && !has(d, digest) && (vault[1 - (d)] & digest) -> put(d, digest); lived[d] = 1; printf("EV D%d is given the credentials by the other dispatcher\n", d) :: else fi }
/* It stops waiting for who is down. */
#define D_PATIENCE(d, w) \
  :: d_step { leads[d] && (expected[d] & (1 << (w))) && !alive[w] -> printf("EV D%d waits for W%d no longer\n", d, w); expected[d] = expected[d] & ~(1 << (w)) }

#ifdef NO_V2_WAIT      /* it says so before everyone has answered */
#define hasAsked(d) true
#else
#define hasAsked(d) (!refilling(d))
#endif
#define D_NEEDS(d) \
  :: d_step { isLeader(d) && state == OPEN && hasAsked(d) && !has(d, digest) -> printf("EV log, by D%d: the job needs credentials\n", d); \
     HOLDS(V1_nobody_is_asked_while_a_dispatcher_lived, !lived[0] && !lived[1]); \
     HOLDS(V2_nobody_is_asked_while_a_worker_holds, !(alive[0] && held[0] == digest) && !(alive[1] && held[1] == digest)); \
     state = NEEDS; see(d) }
#define D_AGAIN(d) \
  :: d_step { isLeader(d) && state == NEEDS && has(d, digest) -> printf("EV log, by D%d: there are credentials again\n", d); state = OPEN; see(d) }
#ifdef NO_V5
#define D_RENEW(d)
#else
#define D_RENEW(d) \
  :: d_step { isLeader(d) && state == NEEDS && !has(d, digest) && renewals < 1 -> renewals++; printf("EV somebody seals anew, D%d has it\n", d); put(d, digest); replicate(d, digest); lived[0] = up[0]; lived[1] = up[1]; state = OPEN; see(d) }
#endif

/* Opening the job at a worker. */
#ifdef NO_V3           /* whoever is there gets it */
#define eligible(d, w) true
#else
#define eligible(d, w) sealedFor(seesDigest[d], w)
#endif
#define D_OPEN(d, w) \
  :: d_step { leads[d] && session[L(d, w)] && sees[d] == OPEN && !opened[L(d, w)] && !opening[w] && has(d, seesDigest[d]) && eligible(d, w) && !refilling(d) -> printf("EV D%d sends the job with the credentials of digest %d to W%d\n", d, found(d, seesDigest[d]), w); opening[w] = found(d, seesDigest[d]); openingTerm[w] = its[d]; opened[L(d, w)] = 1 }
#define W_OPEN(w) \
  :: d_step { alive[w] && opening[w] -> \
     if \
     :: openingTerm[w] >= highest[w] -> highest[w] = openingTerm[w]; held[w] = opening[w]; printf("EV W%d has the credentials of digest %d\n", w, held[w]); \
        HOLDS(V_opened_with_its_own_credentials, state == NONE || held[w] == digest); HOLDS(V3_opened_for_whom_it_was_sealed, sealedFor(held[w], w)) \
     :: else -> printf("EV W%d refuses the order of term %d\n", w, openingTerm[w]) \
     fi; \
     opening[w] = 0; openingTerm[w] = 0 }

/* Greetings. */
#define W_GREET(d, w) \
  :: d_step { alive[w] && up[d] && !session[L(d, w)] && !greets[L(d, w)] -> greets[L(d, w)] = 1; names[L(d, w)] = held[w]; namesTerm[L(d, w)] = highest[w] }
#ifdef NO_V2_FRESH     /* what a greeting names may be older than the last order that its worker obeyed */
#define fresh(d, w) true
#else
#define fresh(d, w) (namesTerm[L(d, w)] == its[d])
#endif
#define answered(d, w) greets[L(d, w)] = 0; names[L(d, w)] = 0; namesTerm[L(d, w)] = 0
#define D_GREET(d, w) \
  :: d_step { leads[d] && greets[L(d, w)] && alive[w] -> \
     if \
     :: its[d] < highest[w] -> session[L(d, w)] = 1 \
     :: its[d] >= highest[w] && !fresh(d, w) -> printf("EV W%d learns term %d from D%d, and greets again\n", w, its[d], d); highest[w] = its[d] \
     :: its[d] >= highest[w] && fresh(d, w) -> \
        printf("EV D%d takes W%d's greeting, which names %d\n", d, w, names[L(d, w)]); highest[w] = its[d]; session[L(d, w)] = 1; opened[L(d, w)] = (names[L(d, w)] != 0); \
        if \
        :: isOpen(sees[d]) && names[L(d, w)] == seesDigest[d] && !has(d, seesDigest[d]) -> returns[L(d, w)] = 1 \
        :: else -> expected[d] = expected[d] & ~(1 << (w)); if :: names[L(d, w)] && !(isOpen(sees[d]) && names[L(d, w)] == seesDigest[d]) -> held[w] = 0; opened[L(d, w)] = 0; printf("EV W%d closes the job\n", w) :: else fi \
        fi \
     fi; \
     answered(d, w) }
/* What a worker brings is taken for an open job; the log may have moved on until it is in the vault. */
#define D_TAKE(d, w) \
  :: d_step { leads[d] && returns[L(d, w)] && !taking[d] -> returns[L(d, w)] = 0; if :: isOpen(sees[d]) && alive[w] && held[w] == seesDigest[d] -> taking[d] = (w) + 1 :: else -> expected[d] = expected[d] & ~(1 << (w)) fi }
#define D_TAKEN(d, w) \
  :: d_step { leads[d] && taking[d] == (w) + 1 -> taking[d] = 0; expected[d] = expected[d] & ~(1 << (w)); if :: stillOpen(d) -> put(d, seesDigest[d]); lived[d] = (isLeader(d) || lived[d]); printf("EV D%d has the credentials back from W%d\n", d, w) :: else fi }

/* The end of the job: its credentials go everywhere. */
#ifdef NO_V_CLOSE
#define close(d, w) skip
#else
#define close(d, w) if :: session[L(d, w)] && opened[L(d, w)] -> opened[L(d, w)] = 0; held[w] = 0; if :: openingTerm[w] == its[d] -> opening[w] = 0; openingTerm[w] = 0 :: else fi :: else fi
#endif
#define D_END(d) \
  :: d_step { isLeader(d) && state == OPEN -> printf("EV log, by D%d: the job has ended\n", d); state = ENDED; see(d); vault[d] = 0; close(d, 0); close(d, 1) }
#ifdef NO_V1_FOLLOW    /* the other dispatcher keeps its copy */
#define D_FOLLOW(d)
#else
#define D_FOLLOW(d) :: d_step { up[d] && !isLeader(d) && (state == ENDED -> vault[d] != 0 : (state != NONE && (vault[d] & ~digest))) -> printf("EV D%d follows the log, and drops credentials\n", d); cleanUp(d); if :: leads[d] -> depose(d) :: else fi }
#endif

#define D_CRASH(d) \
  :: d_step { up[d] && faults < FAULTS -> faults++; printf("EV D%d crashes\n", d); up[d] = 0; lived[d] = 0; vault[d] = 0; depose(d); answered(d, 0); answered(d, 1) } \
  :: d_step { !up[d] -> printf("EV D%d restarts\n", d); up[d] = 1 }
#define W_CRASH(w) \
  :: d_step { alive[w] && faults < FAULTS -> faults++; printf("EV W%d crashes\n", w); alive[w] = 0; held[w] = 0; opening[w] = 0; openingTerm[w] = 0; unlink(0, w); unlink(1, w); answered(0, w); answered(1, w) } \
  :: d_step { !alive[w] -> printf("EV W%d restarts\n", w); alive[w] = 1 }
#define CUT(d, w) \
  :: d_step { session[L(d, w)] && faults < FAULTS -> faults++; printf("EV the link between D%d and W%d is cut\n", d, w); unlink(d, w); if :: openingTerm[w] == its[d] -> opening[w] = 0; openingTerm[w] = 0 :: else fi }

active proctype world() {
    up[0] = 1; up[1] = 1; alive[0] = 1; alive[1] = 1; leads[0] = 1; its[0] = 1;
    do
    D_SUBMIT(0, A) D_SUBMIT(1, B)
    D_LEAD(0) D_LEAD(1) D_PEER(0) D_PEER(1)
    D_PATIENCE(0, 0) D_PATIENCE(0, 1) D_PATIENCE(1, 0) D_PATIENCE(1, 1)
    D_NEEDS(0) D_NEEDS(1) D_AGAIN(0) D_AGAIN(1) D_RENEW(0) D_RENEW(1)
    D_OPEN(0, 0) D_OPEN(0, 1) D_OPEN(1, 0) D_OPEN(1, 1) W_OPEN(0) W_OPEN(1)
    W_GREET(0, 0) W_GREET(0, 1) W_GREET(1, 0) W_GREET(1, 1) D_GREET(0, 0) D_GREET(0, 1) D_GREET(1, 0) D_GREET(1, 1)
    D_TAKE(0, 0) D_TAKE(0, 1) D_TAKE(1, 0) D_TAKE(1, 1) D_TAKEN(0, 0) D_TAKEN(0, 1) D_TAKEN(1, 0) D_TAKEN(1, 1)
    D_END(0) D_END(1) D_FOLLOW(0) D_FOLLOW(1)
    D_CRASH(0) D_CRASH(1) W_CRASH(0) W_CRASH(1)
    CUT(0, 0) CUT(0, 1) CUT(1, 0) CUT(1, 1)
    /* Faults and terms are bounded and the rest only moves on, so every path ends, and here it does. */
    :: else ->
        if
        :: isLeader(leader) && up[leader] ->
            HOLDS(I8_gone_from_dispatchers_after_the_job, state != ENDED || (!vault[0] && !vault[1]));
            HOLDS(I8_gone_from_workers_after_the_job, state != ENDED || (!held[0] && !held[1]));
            HOLDS(V5_a_person_can_help, state != NEEDS || renewals > 0)
        :: else
        fi;
        break
    od
}
