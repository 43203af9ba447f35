using System.Buffers.Binary;
using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Testpmd.Forwarding;

/// <summary>
/// What <c>set verbose 1</c> prints: a line for each received frame. Forwarding threads note frames in a ring, the control thread prints them;
/// frames that find the ring full are counted and not printed.
/// </summary>
internal sealed unsafe class FrameLog
{
    // A tenth of a second of frames that people could read by far.
    private const int Capacity = 1024;

    private readonly Entry[] _notes = new Entry[Capacity];
    private ulong _written;
    private ulong _printed;
    private ulong _omitted;
    private ulong _omittedPrinted;

    private struct Entry
    {
        public Vector128<byte> Snapshot;
        public uint Length;
        public ushort Segments;
        public ushort Port;
        public ushort Queue;
    }

    /// <summary>Notes the good frames of a burst. The forwarding thread that owns this log calls it.</summary>
    /// <param name="stream">The stream they arrived by.</param>
    /// <param name="workspace">Where they are on loan.</param>
    public void Note(FrameStream stream, Workspace workspace)
    {
        for (int i = 0; i < workspace.Selected; i++)
        {
            if (_written - Volatile.Read(ref _printed) == Capacity)
            {
                Volatile.Write(ref _omitted, _omitted + 1);
                continue;
            }
            var frame = workspace.Loan.Frames + workspace.Selection[i];
            ref var note = ref _notes[_written % Capacity];
            note.Snapshot = frame->Snapshot;
            note.Length = frame->Length;
            note.Segments = (ushort)(frame->MoreSegments + 1);
            note.Port = (ushort)stream.RxPort.Id;
            note.Queue = (ushort)stream.Queue;
            Volatile.Write(ref _written, _written + 1);
        }
    }

    /// <summary>Prints what was noted since the last time. The control thread calls it.</summary>
    /// <param name="output">Where to.</param>
    public void Print(TextWriter output)
    {
        for (; _printed != Volatile.Read(ref _written); Volatile.Write(ref _printed, _printed + 1))
        {
            ref var note = ref _notes[_printed % Capacity];
            ushort type = BinaryPrimitives.ReverseEndianness(note.Snapshot.AsUInt16().GetElement(6));
            output.WriteLine($"port {note.Port}/queue {note.Queue}: src={Text(Ethernet.Source(note.Snapshot))}"
                + $" - dst={Text(Ethernet.Destination(note.Snapshot))}"
                + $" - type=0x{type:x4} - length={note.Length} - nb_segs={note.Segments}");
        }
        ulong omitted = Volatile.Read(ref _omitted);
        if (omitted != _omittedPrinted) output.WriteLine($"{omitted - _omittedPrinted} frames more arrived than could be printed");
        _omittedPrinted = omitted;
    }

    private static string Text(ulong address) => new MacAddress(address).ToString().ToUpperInvariant();
}
