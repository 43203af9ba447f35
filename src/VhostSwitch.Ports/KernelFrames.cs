using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports;

/// <summary>What drivers have in common that exchange frames with the kernel, each behind a virtio-net header. Runs on poll threads.</summary>
internal static unsafe class KernelFrames
{
    /// <summary>Length in bytes of the header, which is a frame's <see cref="OffloadFields"/>.</summary>
    internal const int HeaderLength = 10;

    /// <summary>
    /// The most pieces of a frame that is gathered where it lies, the header included: a segment of 64 KiB in pages of 4 KiB has 19. One with more
    /// is copied together first.
    /// </summary>
    internal const int MaxPieces = 64;

    /// <summary>Fills in a frame that lies in one piece, and drops it where it is no frame or its header contradicts it.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="header">Its header.</param>
    /// <param name="data">Its first byte; 16 bytes can be read there.</param>
    /// <param name="length">Its length in bytes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Lend(Frame* frame, OffloadFields header, byte* data, uint length)
    {
        frame->Data = data;
        frame->DataLength = frame->Length = length;
        frame->MoreSegments = 0;
        frame->Output = Frame.Undecided;
        frame->Delivered = false;
        frame->Snapshot = Vector128.Load(data);
        frame->Offload = header;
        Offloads.KeepMeaningful(ref frame->Offload);
        if (length < Ethernet.SnapshotLength) Shorten(frame);
        else if (!Offloads.IsFinished(frame->Offload)) Check(frame);
    }

    /// <summary>
    /// Lists a frame for a call that gathers, its header first. The sender's memory is not read but by that call, and its first bytes not at all.
    /// </summary>
    /// <param name="burst">The loan it is from.</param>
    /// <param name="frame">The frame; stays where it is until the call.</param>
    /// <param name="pieces">Room for <see cref="MaxPieces"/>.</param>
    /// <param name="together">
    /// Room for the largest frame and a tag, where a frame of too many pieces is copied together; null where there is none now.
    /// </param>
    /// <returns>The number of pieces; 0 where the frame has too many, and there is no room to copy it together.</returns>
    internal static int List(Burst burst, Frame* frame, IoPiece* pieces, byte* together)
    {
        pieces[0] = new IoPiece { Data = (byte*)&frame->Offload, Length = HeaderLength };
        // A segment is laid out like a piece but for the upper half of its length, which is not its own.
        var segments = (Segment*)(pieces + 1);
        int count = FrameBytes.Pieces(burst, frame, segments, MaxPieces - 1);
        for (int i = 0; i < count; i++)
            pieces[1 + i].Length = segments[i].Length;
        if (count >= 0) return count + 1;
        if (together == null || frame->Length > Ethernet.MaxFrameLength + VlanTag.Length) return 0;
        FrameBytes.Copy(burst, frame, together);
        pieces[1] = new IoPiece { Data = together, Length = frame->Length };
        return 2;
    }

    /// <summary>True where a frame was not taken for a reason that will pass.</summary>
    /// <param name="errno">The error number.</param>
    internal static bool IsFull(int errno) => errno is Errno.EAGAIN or Errno.ENOBUFS or Errno.ENOMEM or Errno.EINTR;

    /// <summary>True where no frame will be taken before somebody does something about the interface.</summary>
    /// <param name="errno">The error number.</param>
    internal static bool IsDown(int errno) => errno is Errno.EIO or Errno.ENETDOWN or Errno.EBADFD or Errno.ENXIO or Errno.ENODEV;

    /// <summary>Why a frame was refused.</summary>
    /// <param name="errno">The error number.</param>
    internal static DropReason ReasonFor(int errno)
    {
        if (IsDown(errno)) return DropReason.InterfaceDown;
        return errno == Errno.EMSGSIZE ? DropReason.ExceedsMtu : DropReason.InterfaceRefused;
    }

    private static void Check(Frame* frame)
    {
        if (!Offloads.AreValid(frame->Offload, frame->Length, OffloadKinds.All)) frame->Drop(DropReason.BadOffload);
    }

    private static void Shorten(Frame* frame)
    {
        byte* bytes = (byte*)&frame->Snapshot;
        Unsafe.InitBlockUnaligned(bytes + frame->Length, 0, Ethernet.SnapshotLength - frame->Length);
        frame->Offload = default;
        if (frame->Length < Ethernet.HeaderLength) frame->Drop(DropReason.Runt);
    }
}
