namespace VhostSwitch.Dataplane.Tests;

/// <summary>An output that takes as many frames as it has room for, remembers their tokens, and notices when it is used although it must not be.</summary>
internal sealed unsafe class FakeOutput : OutputQueue, IDisposable
{
    private readonly CounterBlock _block;
    private readonly ushort[] _tokens = new ushort[1 << 16];
    private int _inUse;
    private volatile bool _open;

    public FakeOutput(int index = 0)
        : this(index, new CounterBlock())
    {
    }

    private FakeOutput(int index, CounterBlock block)
        : base(index, block) => _block = block;

    /// <summary>How many more frames it takes.</summary>
    public int Room = int.MaxValue;

    /// <summary>How many calls of <see cref="Send"/> must come before it takes anything.</summary>
    public int RefusedCalls;

    /// <summary>How often it was asked to send.</summary>
    public int Calls;

    /// <summary>How many frames it took.</summary>
    public int Count;

    public bool KeepsDecisionsOpen { get; init; }

    /// <summary>What may be left undone in its frames.</summary>
    public OffloadKinds Kinds { get; init; }

    /// <summary>The longest frame that it takes uncut.</summary>
    public uint Longest { get; init; } = uint.MaxValue;

    /// <summary>The bytes and offload fields of the frames it took; kept where this is not null.</summary>
    public List<(byte[] Bytes, OffloadFields Offload)>? Contents { get; init; }

    public override OffloadKinds Takes => Kinds;

    public override uint LongestFrame => Longest;

    public override bool TakesAnyLength => true;

    public volatile bool Retired;

    public volatile string? Violation;

    public override bool NotificationOpen => _open;

    /// <summary>The tokens of the frames it took, in order.</summary>
    public IEnumerable<ushort> Tokens => _tokens.Take(Volatile.Read(ref Count));

    public override int Send(Burst burst, ushort* which, int count)
    {
        Enter(nameof(Send));
        Calls++;
        int taken = 0;
        if (RefusedCalls > 0) RefusedCalls--;
        else
        {
            for (; taken < count && Room > 0; taken++, Room--)
            {
                if (taken > 0 && which[taken] <= which[taken - 1]) Violation = "positions are not ascending";
                Contents?.Add((LentFrames.Bytes(burst, which[taken]), burst.Frames[which[taken]].Offload));
                _tokens[Count & (_tokens.Length - 1)] = burst.Frames[which[taken]].Token;
                Volatile.Write(ref Count, Count + 1);
                burst.Frames[which[taken]].Delivered = true;
            }
        }
        _open = KeepsDecisionsOpen;
        Leave();
        return taken;
    }

    public override void DecideNotification()
    {
        Enter(nameof(DecideNotification));
        _open = false;
        Leave();
    }

    public ulong Drops(DropReason reason) => Counters->Drops(reason);

    public void Dispose() => _block.Dispose();

    private void Enter(string method)
    {
        if (Retired) Violation = $"{method} was called after the queue had been taken away";
        if (Interlocked.Increment(ref _inUse) != 1) Violation = $"{method} was called while another call was under way";
    }

    private void Leave() => Interlocked.Decrement(ref _inUse);
}
