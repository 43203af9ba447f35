namespace VhostSwitch.Dataplane;

/// <summary>What input and output queues have in common. Lives on a port; its burst methods are called by poll threads only.</summary>
public abstract unsafe class Queue
{
    /// <summary>Makes the queue.</summary>
    /// <param name="index">The queue's number on its port.</param>
    /// <param name="counters">Where the queue counts; outlives the queue, which is made anew whenever the peer sets it up.</param>
    protected Queue(int index, CounterBlock counters)
    {
        Index = index;
        Counters = counters.Counters;
    }

    /// <summary>Makes a queue that stands before another one and counts with it.</summary>
    /// <param name="inner">The other one.</param>
    protected Queue(Queue inner)
    {
        Index = inner.Index;
        Counters = inner.Counters;
    }

    /// <summary>The queue's number on its port, from 0, as the port's driver counts.</summary>
    public int Index { get; }

    /// <summary>The queue's counters.</summary>
    public QueueCounters* Counters { get; }

    /// <summary>
    /// Where a decision to notify is still open, takes it. A fence was made before. Between bursts the decision may be taken
    /// without one and is then only ever "yes" or "ask again" (docs/decisions/001-barriers.md).
    /// </summary>
    public abstract void DecideNotification();

    /// <summary>True while a decision to notify is open.</summary>
    public abstract bool NotificationOpen { get; }

    /// <summary>In a poll thread's list of queues to ask again. Written by the poll thread that has it there.</summary>
    internal bool Listed { get; set; }
}

/// <summary>A queue from which frames come into the switch. One poll thread owns it.</summary>
public abstract unsafe class InputQueue : Queue
{
    private ushort* _arrivals;
    private ushort _unchanged;

    /// <summary>Makes the queue.</summary>
    /// <param name="index">The queue's number on its port.</param>
    /// <param name="counters">Where the queue counts.</param>
    protected InputQueue(int index, CounterBlock counters)
        : base(index, counters)
    {
    }

    /// <summary>False where the sender has disabled the queue: it is polled, and its frames are dropped.</summary>
    public virtual bool IsEnabled => true;

    /// <summary>The port's id; set while the port is attached.</summary>
    public ushort PortId { get; internal set; }

    /// <summary>
    /// True where the last <see cref="Receive"/> found nothing and there is still no sign of a frame. A switch has many queues and few that are busy: this
    /// costs less than an empty <see cref="Receive"/>, which sees what else there may be and is made now and then all the same.
    /// </summary>
    public bool LooksEmpty => _arrivals != null && Volatile.Read(ref *_arrivals) == _unchanged;

    /// <summary>For <see cref="Receive"/>: tells where frames show, so that it need not be called before they do.</summary>
    /// <param name="arrivals">A word that changes with the next frame; null for a queue that must be asked.</param>
    /// <param name="unchanged">What it is until then.</param>
    protected void Watch(ushort* arrivals, ushort unchanged)
    {
        _arrivals = arrivals;
        _unchanged = unchanged;
    }

    /// <summary>Lends what has arrived, at most <see cref="Burst.MaxFrames"/>, each frame with its snapshot and <see cref="Frame.Undecided"/> or dropped.</summary>
    /// <param name="burst">Receives the frames; its count is set.</param>
    public abstract void Receive(Burst burst);

    /// <summary>Takes the whole loan back and notifies the sender where it wants that.</summary>
    /// <param name="burst">As <see cref="Receive"/> filled it.</param>
    public abstract void Return(Burst burst);

    /// <summary>A descriptor that becomes readable when frames arrive after <see cref="EnableKicks"/>; -1 where there is none and the queue must be polled.</summary>
    public abstract int KickDescriptor { get; }

    /// <summary>Asks for a kick with the next frame; a fence and <see cref="HasFrames"/> must follow.</summary>
    public abstract void EnableKicks();

    /// <summary>Asks for no kicks.</summary>
    public abstract void DisableKicks();

    /// <summary>Looks whether a frame has arrived.</summary>
    public abstract bool HasFrames();
}

/// <summary>A queue by which frames leave the switch. Any poll thread may use it, one at a time.</summary>
public abstract unsafe class OutputQueue : Queue
{
    private SpinLock _lock = new(enableThreadOwnerTracking: false);

    /// <summary>Makes the queue.</summary>
    /// <param name="index">The queue's number on its port.</param>
    /// <param name="counters">Where the queue counts.</param>
    protected OutputQueue(int index, CounterBlock counters)
        : base(index, counters)
    {
    }

    /// <summary>Makes a queue that stands before another one and counts with it.</summary>
    /// <param name="inner">The other one.</param>
    protected OutputQueue(OutputQueue inner)
        : base(inner)
    {
    }

    /// <summary>
    /// Copies frames out, in order, and marks those that were taken as delivered. A frame that cannot be taken for a reason
    /// that will not pass is counted as dropped here and left behind.
    /// </summary>
    /// <param name="burst">The loan the frames are from.</param>
    /// <param name="which">Positions of frames in the burst, ascending.</param>
    /// <param name="count">How many positions.</param>
    /// <returns>How many of them are dealt with; fewer than <paramref name="count"/> when the queue has no room for the next one now.</returns>
    public abstract int Send(Burst burst, ushort* which, int count);

    /// <summary>What may be left undone in a frame that the queue is given. What it does not take is finished before.</summary>
    public virtual OffloadKinds Takes => OffloadKinds.None;

    /// <summary>The longest frame in bytes; a large segment that is longer is cut before. Ordinary frames are the queue's own concern.</summary>
    public virtual uint LongestFrame => uint.MaxValue;

    /// <summary>True where a large segment finds room whatever its length: segments are merged for such a queue only.</summary>
    public virtual bool TakesAnyLength => false;

    /// <summary>The value of <see cref="Retries"/> for what the poll threads do.</summary>
    internal const int DefaultRetries = -1;

    /// <summary>How often frames are tried again while the queue is full; written by the control thread.</summary>
    internal int Retries { get; set; } = DefaultRetries;

    /// <summary>Takes the queue for one burst.</summary>
    internal void Enter()
    {
        bool taken = false;
        _lock.Enter(ref taken);
    }

    /// <summary>Gives the queue back.</summary>
    internal void Exit() => _lock.Exit(useMemoryBarrier: false);

    /// <summary>True from retries that all brought nothing until the queue takes a frame again: a receiver that stands still is waited for once.</summary>
    internal bool Stalled { get; set; }
}
