using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Linux;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Dataplane.Tests;

/// <summary>An input that has as many frames as it was given, numbered by their tokens, and notices when it is used although it must not be.</summary>
internal sealed unsafe class FakeInput : InputQueue, IDisposable
{
    private const int MaxFrameLength = 70_000;
    private const int PlainLength = 60;

    private readonly CounterBlock _block;
    private readonly GuardedMemory _memory = new(Burst.MaxFrames * MaxFrameLength);
    private readonly FileDescriptor? _kick;
    private readonly ushort* _silent = (ushort*)NativeMemory.AllocZeroed(sizeof(ushort));
    private int _ready;
    private ushort _next;
    private int _inUse;

    public FakeInput(int index = 0, bool withKick = true)
        : this(index, new CounterBlock(), withKick)
    {
    }

    private FakeInput(int index, CounterBlock block, bool withKick)
        : base(index, block)
    {
        _block = block;
        _kick = withKick ? EventFd.Create() : null;
    }

    /// <summary>How many frames a burst has at most.</summary>
    public int BurstSize { get; init; } = Burst.MaxFrames;

    /// <summary>Never runs out of frames.</summary>
    public bool Endless { get; init; }

    /// <summary>Gives a frame, by its number, its bytes and offload fields; where this is null, nobody looks at the bytes.</summary>
    public Func<ushort, (byte[] Bytes, OffloadFields Offload)>? Content { get; init; }

    /// <summary>Leaves a decision to notify open after every burst until it is asked behind a fence.</summary>
    public bool KeepsDecisionsOpen { get; init; }

    /// <summary>Names a word that tells of arrivals, and never does.</summary>
    public bool IsSilent { get; init; }

    /// <summary>How often it was asked for frames.</summary>
    public ulong Asked;

    /// <summary>Set when no poll thread may know the queue any more.</summary>
    public volatile bool Retired;

    /// <summary>What was done that must not be; null while nothing was.</summary>
    public volatile string? Violation;

    /// <summary>Bursts that were returned.</summary>
    public int Returned;

    /// <summary>Frames on loan now.</summary>
    public int OnLoan;

    public bool KicksEnabled;

    private volatile bool _open;

    public override int KickDescriptor => _kick?.Number ?? -1;

    public override bool NotificationOpen => _open;

    public void Give(int frames) => Interlocked.Add(ref _ready, frames);

    public void Kick() => EventFd.Signal(_kick!.Number);

    public override void Receive(Burst burst)
    {
        Enter(nameof(Receive));
        int count = Endless ? BurstSize : Math.Min(Volatile.Read(ref _ready), BurstSize);
        for (int i = 0; i < count; i++)
            burst.Frames[i] = Lend(_next++, i);
        if (!Endless) Interlocked.Add(ref _ready, -count);
        burst.Count = count;
        Watch(IsSilent && count == 0 ? _silent : null, 0);
        Volatile.Write(ref Asked, Asked + 1);
        OnLoan = count;
        _inUse--;
    }

    public override void Return(Burst burst)
    {
        Enter(nameof(Return));
        if (burst.Count != OnLoan) Violation = "a burst was returned that was not lent";
        OnLoan = 0;
        _open = KeepsDecisionsOpen;
        Volatile.Write(ref Returned, Returned + 1);
        _inUse--;
    }

    public override void DecideNotification()
    {
        Enter(nameof(DecideNotification));
        _open = false;
        _inUse--;
    }

    public override void EnableKicks()
    {
        Enter(nameof(EnableKicks));
        Volatile.Write(ref KicksEnabled, true);
        _inUse--;
    }

    public override void DisableKicks()
    {
        Enter(nameof(DisableKicks));
        Volatile.Write(ref KicksEnabled, false);
        _inUse--;
    }

    public override bool HasFrames()
    {
        Enter(nameof(HasFrames));
        _inUse--;
        return Endless || Volatile.Read(ref _ready) > 0;
    }

    public void Dispose()
    {
        _kick?.Dispose();
        NativeMemory.Free(_silent);
        _memory.Dispose();
        _block.Dispose();
    }

    private Frame Lend(ushort token, int i)
    {
        byte* at = _memory.LastBytes((i + 1) * MaxFrameLength);
        var frame = new Frame { Token = token, Output = Frame.Undecided, Data = at, DataLength = PlainLength, Length = PlainLength };
        if (Content is not { } content) return frame;
        var (bytes, offload) = content(token);
        bytes.CopyTo(new Span<byte>(at, bytes.Length));
        frame.Data = at;
        frame.Length = frame.DataLength = (uint)bytes.Length;
        frame.Snapshot = Vector128.Load(at);
        frame.Offload = offload;
        return frame;
    }

    private void Enter(string method)
    {
        if (Retired) Violation = $"{method} was called after the queue had been taken away";
        if (Interlocked.Increment(ref _inUse) != 1) Violation = $"{method} was called while another call was under way";
    }
}
