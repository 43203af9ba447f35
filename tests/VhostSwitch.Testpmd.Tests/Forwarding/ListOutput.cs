using VhostSwitch.Dataplane;

namespace VhostSwitch.Testpmd.Tests.Forwarding;

/// <summary>Keeps what is sent, as long as there is room.</summary>
internal sealed unsafe class ListOutput(CounterBlock counters) : OutputQueue(0, counters)
{
    /// <summary>What was sent.</summary>
    public List<byte[]> Frames { get; } = [];

    /// <summary>What was left to be done to it.</summary>
    public List<OffloadFields> Offloads { get; } = [];

    /// <summary>How many frames were offered at once, each time.</summary>
    public List<int> Offered { get; } = [];

    /// <summary>How many frames still find room.</summary>
    public int Room { get; set; } = int.MaxValue;

    /// <summary>How many find room again each time that more were offered than there was room for.</summary>
    public int Freed { get; init; }

    /// <summary>What may be left to be done.</summary>
    public OffloadKinds Kinds { get; init; }

    public override OffloadKinds Takes => Kinds;

    public override bool NotificationOpen => false;

    public override int Send(Burst burst, ushort* which, int count)
    {
        Offered.Add(count);
        int taken = Math.Min(count, Room);
        Room -= taken;
        for (int i = 0; i < taken; i++)
        {
            var frame = burst.Frames + which[i];
            byte[] bytes = new byte[frame->Length];
            fixed (byte* to = bytes)
                FrameBytes.Copy(burst, frame, to);
            Frames.Add(bytes);
            Offloads.Add(frame->Offload);
            frame->Delivered = true;
            Counters->Bytes += frame->Length;
        }
        Counters->Frames += (uint)taken;
        if (taken < count) Room += Freed;
        return taken;
    }

    public override void DecideNotification()
    {
    }
}
