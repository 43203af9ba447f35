using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports.NetNull;

/// <summary>Takes every frame and forgets it.</summary>
internal sealed unsafe class NullOutput : OutputQueue
{
    // Set up once; null where frames are not copied.
    private readonly byte* _into;

    /// <param name="into">Where every frame is copied to, <see cref="MemoryLength"/> bytes; null not to copy.</param>
    /// <param name="counters">Where to count.</param>
    public NullOutput(byte* into, CounterBlock counters)
        : base(0, counters) => _into = into;

    /// <summary>The memory it needs, in bytes.</summary>
    public static int MemoryLength => Ethernet.MaxFrameLength + VlanTag.Length;

    /// <inheritdoc/>
    public override OffloadKinds Takes => OffloadKinds.All;

    /// <inheritdoc/>
    public override bool NotificationOpen => false;

    /// <inheritdoc/>
    public override int Send(Burst burst, ushort* which, int count)
    {
        ulong bytes = 0;
        for (int i = 0; i < count; i++)
        {
            var frame = burst.Frames + which[i];
            if (_into != null) FrameBytes.Copy(burst, frame, _into);
            bytes += frame->Length;
            frame->Delivered = true;
        }
        Counters->Frames += (uint)count;
        Counters->Bytes += bytes;
        Counters->Bursts++;
        return count;
    }

    /// <inheritdoc/>
    public override void DecideNotification()
    {
    }
}
