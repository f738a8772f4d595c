/*
 * The log on a store like ZooKeeper: rules L1 to L5, and L7.
 *
 * The store is one history of transactions (create, delete, move the pointer). A read is answered from any prefix of it that is not older
 * than what its session has seen: a server may lag. A write is answered after it is in the history. A reply may be lost, and a create
 * whose reply was lost may land at any later time: that is also the writer that was paused, and wakes after others have pruned. Two
 * dispatchers follow, try to lead at any time (no lease protects anything), append, take their term anew, move the pointer and prune.
 *
 * A batch is one number. What it stands for is its writer's term: that of a `leadership-taken` is the batch's own index (L4).
 */
#ifndef INDICES
#define INDICES 3      /* places in the log */
#endif
#ifndef HISTORY
#define HISTORY 7      /* transactions of the store */
#endif
#ifndef BATCHES
#define BATCHES 4
#endif
#ifndef REPEATS
#define REPEATS 1      /* of one create in doubt */
#endif
#define NB (BATCHES + 1)
#define NOTERM 255

/* The store. */
#define CREATE 1
#define DELETE 2
#define MOVE 3
byte kind[HISTORY], at[HISTORY], value[HISTORY], length;
byte node[INDICES];    /* what stands at an index now */
byte floor, version;   /* the pointer now */
byte lateIndex[2], lateBatch[2];   /* a create on its way, by writer */

/* What nobody can see: for the properties. */
byte canon[INDICES];   /* the log: the first batch created at an index while the floor was not above it */
byte term[NB], writer[NB];         /* of a batch */
bit  denied[NB];       /* someone was told "no" */
byte batches = 1;
#ifdef NO_L7
bit  acked[NB]; byte wanted[NB];
#endif

#ifndef PROPERTY
#define PROPERTY hidden byte   /* no part of the state */
#endif
PROPERTY L2_nothing_is_overwritten = 1;
PROPERTY L2_no_holes = 1;
PROPERTY L2_who_was_told_no_stays_without = 1;
PROPERTY L2_ok_means_in_the_log = 1;
PROPERTY L4_only_the_last_leader_writes = 1;
PROPERTY L4_a_term_has_one_writer = 1;
PROPERTY L5_what_is_read_is_the_log = 1;
PROPERTY L5_a_snapshot_has_all_before_it = 1;
PROPERTY L7_what_was_acknowledged_is_in_the_log = 1;
#define HOLDS(property, condition) property = (condition); assert(property)

#define OK 1
#define EXISTS 2
#define DOUBT 3

inline record(what, index, batch) { kind[length] = what; at[length] = index; value[length] = batch; length++ }

/* A create arrives at the store. */
inline land(index, batch, reply) {
    d_step {
        if
        :: node[index] == 0 ->
            node[index] = batch; record(CREATE, index, batch); reply = OK;
            if
            :: floor <= index ->
                HOLDS(L2_nothing_is_overwritten, canon[index] == 0);
                HOLDS(L2_who_was_told_no_stays_without, !denied[batch]);
                canon[index] = batch;
                if :: index > 0 -> HOLDS(L2_no_holes, canon[index - 1] != 0) :: else fi;
                if
                :: term[batch] != index ->
                    HOLDS(L4_only_the_last_leader_writes, term[batch] < index && term[canon[term[batch]]] == term[batch]);
                    HOLDS(L4_a_term_has_one_writer, writer[canon[term[batch]]] == writer[batch]);
                    i = term[batch] + 1;
                    do
                    :: i < index -> HOLDS(L4_only_the_last_leader_writes, term[canon[i]] != i); i++
                    :: else -> break
                    od;
                    i = 0
                :: else
                fi;
#ifdef NO_L7
                i = 1;
                do
                :: i < batches -> HOLDS(L7_what_was_acknowledged_is_in_the_log, !(acked[i] && wanted[i] == index && i != batch)); i++
                :: else -> break
                od;
                i = 0
#endif
            :: else
            fi
        :: else -> reply = EXISTS
        fi
    }
}

/* Reads from the first `seen` transactions. */
inline readNode(index, found) {
    d_step {
        found = 0; i = 0;
        do
        :: i < seen ->
            if
            :: kind[i] == CREATE && at[i] == index -> found = value[i]
            :: kind[i] == DELETE && at[i] == index -> found = 0
            :: else
            fi;
            i++
        :: else -> break
        od;
        i = 0
    }
}
inline readPointer(found, ver) {
    d_step {
        found = 0; ver = 0; i = 0;
        do
        :: i < seen -> if :: kind[i] == MOVE -> found = at[i]; ver++ :: else fi; i++
        :: else -> break
        od;
        i = 0
    }
}
/* The server answers from some state that is not older than what the session has seen. */
inline answered() { do :: seen < length -> seen++ :: break od }

#ifdef NO_L5_SESSION   /* an entry and the pointer are read in two sessions */
#define ANOTHER_SESSION seen = 0
#else
#define ANOTHER_SESSION skip
#endif
#ifdef NO_L2_SESSION   /* after the create, the pointer is read in another session */
#define ANOTHER_SESSION_AFTER_CREATE seen = 0
#else
#define ANOTHER_SESSION_AFTER_CREATE skip
#endif
#ifdef NO_L5_CAS       /* the pointer moves whatever its version is */
#define UNMOVED true
#else
#define UNMOVED (version == ver)
#endif
#ifdef NO_L7           /* acknowledged when it is sent to the store */
#define acknowledgeEarly acked[batch] = 1; wanted[batch] = next
#else
#define acknowledgeEarly skip
#endif

#ifdef NO_L4           /* a leader goes on under the term that it finds */
#define noteTerm(index, batch) if :: term[batch] == index -> last = index :: else fi
#else
#define noteTerm(index, batch) skip
#endif
#define newBatch(itsTerm) batch = batches; term[batch] = (itsTerm); writer[batch] = me; batches++; acknowledgeEarly
/* Told "no": it must not be in the log, nor get there any more. */
#define tellNo HOLDS(L2_who_was_told_no_stays_without, canon[next] != batch); if :: lateBatch[me] == batch -> denied[batch] = 1 :: else fi
#define stepDown leads = 0; own = NOTERM; batch = 0; tries = 0; reply = 0; seen = 0; goto follow

proctype dispatcher(byte me) {
    byte next;             /* the index it reads, or writes, next */
    byte own = NOTERM;     /* its term */
#ifdef NO_L4
    byte last = NOTERM;    /* the term of the last leadership that it has read of */
#endif
    byte batch, tries, reply, seen, low, found, ver, i;
    bit leads;

follow:
    if
    :: atomic { next < INDICES && length > 0 ->
#ifdef NO_L5_ORDER     /* the pointer first, then the entry */
       answered(); readPointer(low, ver); ver = 0; answered(); readNode(next, found);
#else
       answered(); readNode(next, found); ANOTHER_SESSION; answered(); readPointer(low, ver); ver = 0;
#endif
#ifdef NO_L5_FLOOR     /* an entry that is there is taken, whatever the floor is */
       if :: found != 0 -> low = 0 :: else fi;
#endif
       seen = 0;
       if
       :: low > next ->
          printf("EV D%d loads the snapshot of everything below %d\n", me, low);
          d_step {
              next = low; i = 0;
              do
              :: i < low -> HOLDS(L5_a_snapshot_has_all_before_it, canon[i] != 0); noteTerm(i, canon[i]); i++
              :: else -> break
              od;
              i = 0
          }
       :: low <= next && found != 0 ->
          printf("EV D%d folds index %d: batch %d\n", me, next, found);
          HOLDS(L5_what_is_read_is_the_log, canon[next] == found);
          noteTerm(next, found);
          next++
       :: else
       fi;
       low = 0; found = 0; goto follow }
#ifdef NO_L4
    :: atomic { next < INDICES && batches < NB && last != NOTERM -> own = last; newBatch(own); printf("EV D%d appends batch %d at %d under term %d, which it found\n", me, batch, next, own) }
#endif
    :: atomic { next < INDICES && batches < NB -> newBatch(next); own = next; printf("EV D%d tries leadership-taken: batch %d at %d\n", me, batch, next) }
    :: atomic { next >= INDICES -> goto end }
    fi;

create:                        /* at `next`, for the first time or again in doubt */
    atomic {
        if
        :: length < HISTORY -> land(next, batch, reply); seen = length; printf("EV D%d creates %d at %d: %d (1 done, 2 exists)\n", me, batch, next, reply)
        :: length < HISTORY -> land(next, batch, reply); reply = DOUBT; printf("EV D%d creates %d at %d: it arrives, the reply is lost\n", me, batch, next)
        :: lateBatch[me] == 0 -> lateBatch[me] = batch; lateIndex[me] = next; reply = DOUBT; printf("EV D%d creates %d at %d: it is delayed, no reply\n", me, batch, next)
        fi;
        if
        :: reply == OK -> reply = 0;
#ifdef NO_L2_FLOOR     /* a create that succeeds is an append that succeeds */
           goto yes
#else
           goto pointer
#endif
        :: reply == DOUBT -> reply = 0; goto doubt
        :: reply == EXISTS && tries == 0 -> reply = 0; goto no
        :: reply == EXISTS && tries > 0 -> reply = 0; goto compare
        fi
    }
pointer:                       /* L2: read behind the create in the same session */
    if
    :: atomic { ANOTHER_SESSION_AFTER_CREATE; answered(); readPointer(low, ver); ver = 0; seen = 0;
       if
       :: low > next -> low = 0; printf("EV D%d finds the floor above %d: a stray\n", me, next); if :: length < HISTORY && node[next] == batch -> node[next] = 0; record(DELETE, next, 0) :: skip fi; goto pruned
       :: else -> low = 0; goto yes
       fi }
    :: atomic { seen = 0; goto doubt }     /* the connection is lost between the two */
    fi;
compare:                       /* L3: it exists. Whose is it, and is the floor above it? */
    if
    :: atomic { answered(); readNode(next, found); ANOTHER_SESSION; answered(); readPointer(low, ver); ver = 0; seen = 0;
#ifdef NO_L3_FLOOR     /* the ids alone are compared */
       low = 0;
#endif
       if
       :: low > next -> low = 0; found = 0; goto pruned
       :: low <= next && found == batch -> low = 0; found = 0; goto yes
       :: else -> low = 0; found = 0; goto no
       fi }
    :: atomic { seen = 0; goto doubt }
    fi;
doubt:
#ifdef NO_L3_REPEAT    /* doubt is resolved by a read */
    atomic { answered(); readNode(next, found); answered(); readPointer(low, ver); ver = 0; seen = 0;
       printf("EV D%d, in doubt, reads index %d: batch %d\n", me, next, found);
       if
       :: low > next -> low = 0; found = 0; goto pruned
       :: low <= next && found == batch -> low = 0; found = 0; goto yes
       :: low <= next && found == 0 -> low = 0; tellNo; stepDown
       :: else -> low = 0; found = 0; goto no
       fi }
#else
    atomic { if
    :: tries < REPEATS -> tries++; printf("EV D%d, in doubt, creates again\n", me); goto create
    :: printf("EV D%d gives up: says neither yes nor no\n", me); stepDown
    fi }
#endif
yes:
    atomic { printf("EV D%d: batch %d is appended at %d\n", me, batch, next); HOLDS(L2_ok_means_in_the_log, canon[next] == batch); noteTerm(next, batch); if :: term[batch] == next -> own = next :: else fi; leads = 1; next++; tries = 0; batch = 0; goto leader }
pruned:                        /* says neither: the batch may be in the snapshot */
    atomic {
#ifdef NO_L2_PRUNED    /* pruned is told as "no" */
       tellNo;
#endif
       stepDown }
no:
    atomic { printf("EV D%d: conflict at %d\n", me, next); tellNo;
#ifdef NO_L3_CONFLICT  /* goes on at the next index */
       if :: leads && next + 1 < INDICES && batches < NB -> next++; tries = 0; batch = 0; goto propose :: else -> stepDown fi
#else
       stepDown
#endif
    }
propose:
    atomic { batches < NB ->
       if
       :: newBatch(own); printf("EV D%d (term %d) appends batch %d at %d\n", me, own, batch, next)
       :: newBatch(next); printf("EV D%d (term %d) takes its term anew: batch %d at %d\n", me, own, batch, next)
       fi;
       goto create }
leader:
    if
    :: atomic { next < INDICES && batches < NB -> goto propose }
    :: atomic { length < HISTORY -> goto snapshot }
    :: atomic { stepDown }
    fi;
snapshot:                      /* L5: the chunks, then the pointer by compare-and-set, then older entries, perhaps not all */
#ifdef NO_L5_LAST      /* older entries go first */
    atomic { if :: length < HISTORY && node[0] -> node[0] = 0; record(DELETE, 0, 0); printf("EV D%d prunes 0 first\n", me) :: skip fi };
#endif
    atomic { answered(); readPointer(low, ver); seen = 0; if :: low >= next -> low = 0; ver = 0; goto leader :: else -> low = 0 fi }
    atomic {
        if
        :: length < HISTORY && UNMOVED -> floor = next; version++; record(MOVE, next, 0); ver = 0; printf("EV D%d moves the pointer to %d\n", me, next)
        :: ver = 0; goto leader
        fi
    }
    do
    :: atomic { i < next && length < HISTORY -> if :: node[i] -> node[i] = 0; record(DELETE, i, 0); printf("EV D%d prunes %d\n", me, i) :: else fi; i++ }
    :: atomic { i = 0; goto leader }
    od;
end: skip
}

/* Creates that come late, from a session that was given up, or after a pause. */
proctype network() {
    byte i, reply;
end:
    do
    :: atomic { lateBatch[0] != 0 && length < HISTORY -> printf("EV the late create of batch %d at %d arrives\n", lateBatch[0], lateIndex[0]); land(lateIndex[0], lateBatch[0], reply); lateBatch[0] = 0; lateIndex[0] = 0; reply = 0 }
    :: atomic { lateBatch[1] != 0 && length < HISTORY -> printf("EV the late create of batch %d at %d arrives\n", lateBatch[1], lateIndex[1]); land(lateIndex[1], lateBatch[1], reply); lateBatch[1] = 0; lateIndex[1] = 0; reply = 0 }
    od
}

init { atomic { term[0] = NOTERM; run dispatcher(0); run dispatcher(1); run network() } }
