using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;

namespace VhostSwitch.Testpmd.Tests.Forwarding;

/// <summary>Gives frames once, in order, each in one or two pieces of memory of its own.</summary>
internal sealed unsafe class ListInput(CounterBlock counters, params byte[][] frames) : InputQueue(0, counters), IDisposable
{
    private readonly List<nint> _memory = [];
    private int _next;

    /// <summary>What is left to be done to each frame.</summary>
    public OffloadFields Offload { get; init; }

    /// <summary>Where the second piece of a frame begins; 0 for frames in one piece.</summary>
    public int SplitAt { get; init; }

    /// <summary>How many bursts were taken and not given back.</summary>
    public int OnLoan { get; private set; }

    public override int KickDescriptor => -1;

    public override bool NotificationOpen => false;

    public override void Receive(Burst burst)
    {
        burst.Count = 0;
        for (; _next < frames.Length && burst.Count < Burst.MaxFrames; _next++)
        {
            byte[] bytes = frames[_next];
            byte* data = (byte*)NativeMemory.AllocZeroed((nuint)Math.Max(bytes.Length, 64));
            _memory.Add((nint)data);
            bytes.CopyTo(new Span<byte>(data, bytes.Length));
            var frame = burst.Frames + burst.Count;
            *frame = default;
            frame->Data = data;
            frame->DataLength = frame->Length = (uint)bytes.Length;
            frame->Snapshot = Vector128.Load(data);
            frame->Offload = Offload;
            frame->Output = bytes.Length < 14 ? Frame.DroppedFor(DropReason.Runt) : Frame.Undecided;
            if (SplitAt > 0 && bytes.Length > SplitAt)
            {
                frame->DataLength = (uint)SplitAt;
                frame->MoreSegments = 1;
                frame->FirstSegment = (ushort)((2 * burst.Count) + 1);
                burst.Segments[frame->FirstSegment] = new Segment { Data = data + SplitAt, Length = (uint)(bytes.Length - SplitAt) };
            }
            burst.Count++;
        }
        if (burst.Count > 0) OnLoan++;
    }

    public override void Return(Burst burst) => OnLoan--;

    public override void DecideNotification()
    {
    }

    public override void EnableKicks()
    {
    }

    public override void DisableKicks()
    {
    }

    public override bool HasFrames() => _next < frames.Length;

    public void Dispose()
    {
        foreach (nint memory in _memory)
            NativeMemory.Free((void*)memory);
    }
}
