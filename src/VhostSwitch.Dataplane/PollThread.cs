using System.Diagnostics;
using System.Runtime.CompilerServices;
using VhostSwitch.Linux;

namespace VhostSwitch.Dataplane;

/// <summary>What a poll thread does when no frame arrives.</summary>
public enum IdlePolicy
{
    /// <summary>Polls for a while, then asks for kicks and sleeps: an idle switch uses no processor time.</summary>
    Adaptive,

    /// <summary>Polls without end.</summary>
    Busy,
}

/// <summary>
/// One thread on one core that moves frames: it asks its input queues in turn for a burst, has the forwarder decide, sends,
/// and gives the loan back. Between two bursts it takes over what the control thread published.
/// </summary>
/// <remarks>
/// The control thread never waits for a lock of this thread. It publishes an unchanging table, then calls
/// <see cref="HasPassed"/> until it is true: from then on nothing of the old table is known here, neither in the pass that
/// runs nor among the queues whose decision to notify is open.
/// </remarks>
public sealed unsafe partial class PollThread : IDisposable
{
    // Passes between two in which queues are asked for frames that show no sign of any.
    private const ulong PassesBetweenAsking = 16;

    // A thread without frames wakes this often, in milliseconds, so that nothing depends on one missed wake-up alone.
    private const int SleepMs = 1000;

    // The sleep, in milliseconds, where a queue cannot wake the thread (a ring without a kick descriptor).
    private const int SleepWithoutKickMs = 1;

    // The epoll token of the thread's own descriptor; no descriptor has this number.
    private const ulong WakeToken = ulong.MaxValue;

    private static readonly Type[] Code =
    [
        typeof(PollThread), typeof(InputQueue), typeof(OutputQueue), typeof(Burst), typeof(Frame), typeof(Topology), typeof(FrameRoutes), typeof(WaitingRoom),
        typeof(WorkMeter), typeof(SpinBudget), typeof(QueueCounters),
    ];

    // Written once by the control thread, read here.
    private readonly Forwarder _forwarder;
    private readonly RetryPolicy _retry;
    private readonly long _retryDelay;
    private readonly FileDescriptor _wake = EventFd.Create();
    private readonly Epoll _epoll = new();
    private readonly Thread _thread;
    private readonly Burst _burst = new() { Routes = new FrameRoutes() };

    // Written by the control thread while the poll thread runs, each replaced whole.
    private IdlePolicy _idle;
    private bool _sharesOutputs;
    private InputQueue[] _inputs = [];
    private Topology _topology = Topology.Empty;
    private int _change;
    private bool _stop;

    // Written by the poll thread only.
    private ulong _passes;
    private ulong _frames;
    private WorkMeter _work;
    private bool _sleeping;
    private SpinBudget _spins = new();
    private int _changeSeen;
    private long _allocatedAtStart;
    private long _allocated;

    // Written once, when it is started.
    private long _startedAt;

    /// <summary>Makes a thread that is not started.</summary>
    /// <param name="index">The thread's number, from 0.</param>
    /// <param name="core">The processor it is kept on; -1 for none in particular.</param>
    /// <param name="forwarder">The switching stage.</param>
    /// <param name="retry">What to do when a receiver is full.</param>
    /// <param name="idle">What to do when no frame arrives.</param>
    /// <param name="sharesOutputs">True where there is more than one poll thread, so that outputs are taken for each burst.</param>
    public PollThread(int index, int core, Forwarder forwarder, RetryPolicy retry, IdlePolicy idle, bool sharesOutputs)
    {
        Index = index;
        Core = core;
        _forwarder = forwarder;
        _retry = retry;
        _retryDelay = retry.DelayUs * Stopwatch.Frequency / 1_000_000;
        _rooms = [.. Enumerable.Range(0, retry.Tries > 0 ? MaxRooms : 0).Select(_ => new WaitingRoom())];
        _idle = idle;
        _sharesOutputs = sharesOutputs;
        _epoll.Add(_wake.Number, WakeToken);
        Precompilation.Compile(Code);
        Precompilation.Compile(forwarder.Code);
        _thread = new Thread(Run) { Name = $"{NamePrefix}{core}", IsBackground = true };
    }

    /// <summary>What the names of poll threads begin with; their processor follows.</summary>
    public const string NamePrefix = "poll-";

    /// <summary>The thread's number, from 0.</summary>
    public int Index { get; }

    /// <summary>The processor it is kept on; -1 for none in particular.</summary>
    public int Core { get; }

    /// <summary>How often it has gone round its queues.</summary>
    public ulong Passes => Volatile.Read(ref _passes);

    /// <summary>
    /// How long it has worked on frames: the time of passes that found some, or ended what those had left to do. An estimate, since few of them are
    /// measured; of some thousand passes it is right to a few percent.
    /// </summary>
    public TimeSpan WorkTime => Span(_work.Work);

    /// <summary>How long ago it was started. What <see cref="WorkTime"/> leaves of it was polled in vain or slept, or its core was somebody else's.</summary>
    public TimeSpan Age => _startedAt == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(_startedAt);

    /// <summary>How many frames it has taken in.</summary>
    public ulong Frames => Volatile.Read(ref _frames);

    /// <summary>True while it waits for a kick.</summary>
    public bool IsSleeping => Volatile.Read(ref _sleeping);

    /// <summary>The bytes it allocated on the managed heap since it began to poll. Must stay 0.</summary>
    public long AllocatedBytes => Volatile.Read(ref _allocated);

    /// <summary>The queues it polls, replaced whole.</summary>
    public ReadOnlySpan<InputQueue> Inputs => Volatile.Read(ref _inputs);

    /// <summary>What to do when no frame arrives.</summary>
    internal IdlePolicy Idle
    {
        set
        {
            _idle = value;
            Wake();
        }
    }

    /// <summary>True where there is more than one poll thread. Takes effect within two passes.</summary>
    internal bool SharesOutputs
    {
        set => Volatile.Write(ref _sharesOutputs, value);
    }

    /// <summary>Starts polling.</summary>
    public void Start()
    {
        _startedAt = Stopwatch.GetTimestamp();
        _thread.Start();
    }

    /// <summary>Asks the thread to end and waits for it.</summary>
    /// <param name="limit">How long to wait.</param>
    /// <returns>False when it did not end in time.</returns>
    public bool Stop(TimeSpan limit)
    {
        Volatile.Write(ref _stop, true);
        Wake();
        return !_thread.IsAlive || _thread.Join(limit);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _epoll.Dispose();
        _wake.Dispose();
        _burst.Dispose();
        _finisher.Dispose();
        _merger.Dispose();
        foreach (var room in _rooms)
            room.Dispose();
    }

    /// <summary>Publishes which queues to poll. Takes effect with the next pass.</summary>
    internal void Assign(InputQueue[] inputs)
    {
        foreach (var queue in Inputs)
        {
            if (Array.IndexOf(inputs, queue) < 0 && queue.KickDescriptor >= 0) _epoll.Remove(queue.KickDescriptor);
        }
        foreach (var queue in inputs)
        {
            if (!Inputs.Contains(queue) && queue.KickDescriptor >= 0) _epoll.AddEdge(queue.KickDescriptor, (ulong)queue.KickDescriptor);
        }
        Volatile.Write(ref _inputs, inputs);
    }

    /// <summary>Publishes the attached ports. Takes effect with the next pass.</summary>
    internal void Publish(Topology topology) => Volatile.Write(ref _topology, topology);

    /// <summary>Tells the thread that a table has changed. Call it after publishing the table and before reading <see cref="Passes"/>.</summary>
    internal void AnnounceChange() => Volatile.Write(ref _change, _change + 1);

    /// <summary>
    /// True when two passes have begun since <see cref="Passes"/> was read, or the thread does not run. The first may have
    /// looked for a change just before it was announced; the second has not, and has closed the open decisions.
    /// </summary>
    internal bool HasPassed(ulong passes) => Passes - passes >= 2 || !_thread.IsAlive;

    /// <summary>Ends a sleep.</summary>
    internal void Wake() => EventFd.Signal(_wake.Number);

    private void Run()
    {
        if (Core >= 0) CpuAffinity.Pin(Core);
        // The runtime resolves a call into the C library when a thread first makes it, and allocates for that: now, not later.
        EventFd.SignalPeer(_wake.Number);
        Wait(0);
        _work = new WorkMeter(WorkMeter.MeasureReading(processorTime: false), WorkMeter.MeasureReading(processorTime: true));
        _allocatedAtStart = GC.GetAllocatedBytesForCurrentThread();
        while (!Volatile.Read(ref _stop))
        {
            // In this order: close what the old tables left open, count, read the tables. See HasPassed.
            int change = Volatile.Read(ref _change);
            if (change != _changeSeen)
            {
                _changeSeen = change;
                EndWaiting();
                DecideNotifications();
            }
            Volatile.Write(ref _passes, _passes + 1);
            if (_passes == _work.NextLook) Look();
            int frames = Pass(Volatile.Read(ref _inputs), Volatile.Read(ref _topology));
            bool worked = _waiting > 0 && TryAgain();
            if (frames > 0)
            {
                _spins.Worked(frames);
                _work.Count();
                if (_openCount > 0 && _passes % PassesBetweenFences == 0) DecideNotifications();
                continue;
            }
            if (_openCount > 0)
            {
                DecideNotifications();
                worked = true;
            }
            if (worked) _work.Count();
            if (_waiting > 0 || _idle == IdlePolicy.Busy || _spins.PollsOn()) Thread.SpinWait(1);
            else Sleep(_inputs);
        }
    }

    // One round over the inputs. A method of its own, and not the loop's body, so that it is compiled like any other.
    private int Pass(InputQueue[] inputs, Topology topology)
    {
        int frames = 0;
        bool asksAll = _passes % PassesBetweenAsking == 0;
        foreach (var input in inputs)
        {
            if (!asksAll && input.LooksEmpty) continue;
            var burst = _burst;
            input.Receive(burst);
            if (burst.Count == 0) continue;
            frames += burst.Count;
            burst.Source = input.PortId;
            _sender = input.Counters;
            _forwarder.Decide(burst, input.PortId);
            Deliver(burst, input, topology);
            Account(burst, input.Counters);
            input.Return(burst);
            if (input.NotificationOpen) KeepOpen(input);
        }
        if (frames > 0) Volatile.Write(ref _frames, _frames + (ulong)frames);
        return frames;
    }

    private void Sleep(InputQueue[] inputs)
    {
        int limit = SleepMs;
        foreach (var input in inputs)
        {
            if (input.KickDescriptor < 0) limit = SleepWithoutKickMs;
            input.EnableKicks();
        }
        Volatile.Write(ref _sleeping, true);
        Interlocked.MemoryBarrier();
        bool found = false;
        foreach (var input in inputs)
            found |= input.HasFrames();
        if (!found)
        {
            long start = Stopwatch.GetTimestamp();
            Wait(limit);
            _spins.Slept(Stopwatch.GetElapsedTime(start), inputs.Length);
        }
        Volatile.Write(ref _sleeping, false);
        foreach (var input in inputs)
            input.DisableKicks();
        Report();
    }

    // Not part of the loop, whose every pass would make room for it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Look()
    {
        if (_work.Look(_passes, WorkMeter.Read(_work.AsksProcessorTime))) Report();
    }

    private static TimeSpan Span(double ticks) => TimeSpan.FromSeconds(ticks / Stopwatch.Frequency);

    private void Report() => Volatile.Write(ref _allocated, GC.GetAllocatedBytesForCurrentThread() - _allocatedAtStart);

    private void Wait(int limitMs)
    {
        Span<ulong> tokens = stackalloc ulong[64];
        int count = _epoll.Wait(tokens, limitMs);
        if (tokens[..count].Contains(WakeToken)) EventFd.Drain(_wake.Number);
    }
}
