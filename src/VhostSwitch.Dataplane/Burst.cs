using System.Runtime.InteropServices;

namespace VhostSwitch.Dataplane;

/// <summary>
/// The frames one poll thread has on loan from one input queue. Made once per poll thread, in memory of its own, and used over
/// and over.
/// </summary>
public sealed unsafe class Burst : IDisposable
{
    /// <summary>
    /// The most frames in a burst. Measured on split rings: 4 make 27, 8 make 37, 16 make 45 and 32 make 48 million frames a
    /// second; more do not help and delay the first.
    /// </summary>
    public const int MaxFrames = 32;

    /// <summary>
    /// The most further segments of a whole burst: a frame of 64 KiB in 4 KiB pages has 17, and a chain may have as many
    /// entries as the largest ring that drivers use (1024). A frame that does not fit beside others waits for the next burst.
    /// </summary>
    public const int MaxSegments = 2048;

    /// <summary>Length in bytes of <see cref="OwnFrame"/>.</summary>
    public const int OwnFrameLength = 128;

    /// <summary>Length in bytes of a frame's part of <see cref="TagRoom"/>.</summary>
    internal const int TagRoomLength = 32;

    private const int Alignment = 64;

    /// <summary>Allocates the burst's memory.</summary>
    public Burst()
    {
        Frames = (Frame*)NativeMemory.AlignedAlloc((nuint)(MaxFrames * sizeof(Frame)), Alignment);
        // Behind those of the inputs, one for each frame that is given a tag.
        Segments = (Segment*)NativeMemory.AlignedAlloc((nuint)((MaxSegments + MaxFrames) * sizeof(Segment)), Alignment);
        Selection = (ushort*)NativeMemory.AlignedAlloc(MaxFrames * sizeof(ushort), Alignment);
        ReceiverSegments = (Segment*)NativeMemory.AlignedAlloc((nuint)(MaxSegments * sizeof(Segment)), Alignment);
        OwnFrame = (byte*)NativeMemory.AlignedAlloc(OwnFrameLength, Alignment);
        TagRoom = (byte*)NativeMemory.AlignedAlloc(MaxFrames * TagRoomLength, Alignment);
        Everything = (ushort*)NativeMemory.AlignedAlloc(MaxFrames * sizeof(ushort), Alignment);
        for (int i = 0; i < MaxFrames; i++)
            Everything[i] = (ushort)i;
    }

    /// <summary>The frames; <see cref="Count"/> of them are valid.</summary>
    public Frame* Frames { get; private set; }

    /// <summary>
    /// The segments of frames that have more than one. The place before those of a frame belongs to it as well: an input leaves it unused, or
    /// has the frame's first segment there.
    /// </summary>
    public Segment* Segments { get; private set; }

    /// <summary>Room for an output to list the segments of a receiver's buffers, while it sends one frame.</summary>
    public Segment* ReceiverSegments { get; private set; }

    /// <summary>Room for a frame that the switch itself makes, as long as the loan lasts.</summary>
    public byte* OwnFrame { get; private set; }

    /// <summary>The ways of its frames that leave by several ports or with other tags; null where nobody has such frames.</summary>
    public FrameRoutes? Routes { get; init; }

    /// <summary>How many frames are on loan.</summary>
    public int Count { get; set; }

    /// <summary>The id of the port they came from.</summary>
    public ushort Source { get; internal set; }

    /// <summary>True where something is left to be done to a frame of it.</summary>
    internal bool HasWork { get; set; }

    /// <summary>Room for the bytes that a tag displaces, a part for each frame.</summary>
    internal byte* TagRoom { get; private set; }

    /// <summary>The positions 0, 1, 2, …: all frames in order.</summary>
    internal ushort* Everything { get; private set; }

    /// <summary>Room for the positions of some frames.</summary>
    internal ushort* Selection { get; private set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Routes?.Dispose();
        NativeMemory.AlignedFree(Frames);
        NativeMemory.AlignedFree(Segments);
        NativeMemory.AlignedFree(Selection);
        NativeMemory.AlignedFree(Everything);
        NativeMemory.AlignedFree(ReceiverSegments);
        NativeMemory.AlignedFree(OwnFrame);
        NativeMemory.AlignedFree(TagRoom);
        Frames = null;
        Segments = ReceiverSegments = null;
        OwnFrame = TagRoom = null;
        Selection = null;
        Everything = null;
    }
}
