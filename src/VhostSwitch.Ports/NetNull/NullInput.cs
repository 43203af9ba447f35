using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;

namespace VhostSwitch.Ports.NetNull;

/// <summary>Gives full bursts of frames of zeros. Runs on the poll thread that owns it.</summary>
internal sealed unsafe class NullInput : InputQueue
{
    // Set up once. Frames lie one behind the other, and a last one is what they are copied from.
    private readonly byte* _frames;
    private readonly int _frameLength;
    private readonly bool _copies;

    /// <param name="memory">Zeroed memory, <see cref="MemoryLength"/> bytes.</param>
    /// <param name="frameLength">The length of its frames in bytes.</param>
    /// <param name="copies">True to write each frame before it is given.</param>
    /// <param name="counters">Where to count.</param>
    public NullInput(byte* memory, int frameLength, bool copies, CounterBlock counters)
        : base(0, counters)
    {
        _frames = memory;
        _frameLength = frameLength;
        _copies = copies;
    }

    /// <inheritdoc/>
    public override int KickDescriptor => -1;

    /// <inheritdoc/>
    public override bool NotificationOpen => false;

    /// <summary>The memory it needs, in bytes.</summary>
    /// <param name="frameLength">The length of its frames in bytes.</param>
    public static int MemoryLength(int frameLength) => (Burst.MaxFrames + 1) * frameLength;

    /// <inheritdoc/>
    public override void Receive(Burst burst)
    {
        for (int i = 0; i < Burst.MaxFrames; i++)
        {
            var frame = burst.Frames + i;
            byte* data = _frames + (i * _frameLength);
            if (_copies) Unsafe.CopyBlockUnaligned(data, _frames + (Burst.MaxFrames * _frameLength), (uint)_frameLength);
            *frame = default;
            frame->Data = data;
            frame->DataLength = frame->Length = (uint)_frameLength;
            frame->Snapshot = Vector128<byte>.Zero;
            frame->Output = Frame.Undecided;
        }
        burst.Count = Burst.MaxFrames;
    }

    /// <inheritdoc/>
    public override void Return(Burst burst)
    {
    }

    /// <inheritdoc/>
    public override void DecideNotification()
    {
    }

    /// <inheritdoc/>
    public override void EnableKicks()
    {
    }

    /// <inheritdoc/>
    public override void DisableKicks()
    {
    }

    /// <inheritdoc/>
    public override bool HasFrames() => true;
}
