using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using VhostSwitch.Linux;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.Inflight;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;
using static VhostSwitch.TestKit.Hostile.AttackOutcome;

namespace VhostSwitch.TestKit.Hostile;

/// <summary>Memory for what a back-end has taken, against the rules: its messages and what is found in it.</summary>
public static class InflightAttacks
{
    private const int FileLength = 64 * 1024;
    private const ushort Rings = 2;
    private const ushort RingSize = 256;

    /// <summary>The attacks.</summary>
    public static IReadOnlyList<Attack> All { get; } =
    [
        new("asks for inflight memory without INFLIGHT_SHMFD", Disconnected, f => Get(f, Rings, RingSize)),
        new("brings inflight memory without INFLIGHT_SHMFD", Disconnected, f => Set(f, FileLength, 0, Rings, RingSize)),
        Refuses("asks for inflight memory of 0 rings", f => Get(f, 0, RingSize)),
        Refuses("asks for inflight memory of 65535 rings", f => Get(f, 65535, RingSize)),
        Refuses("asks for inflight memory of rings without entries", f => Get(f, Rings, 0)),
        Refuses("asks for inflight memory of rings of 65535 entries", f => Get(f, Rings, 65535)),
        Refuses("asks for inflight memory with half a message", f => f.Script.Send(FrontEndRequest.GetInflightFd, new byte[12])),
        Refuses("CVE-2022-0669: asks for inflight memory with eight descriptors",
            f => f.Script.Send(FrontEndRequest.GetInflightFd, Area(0, 0, Rings, RingSize), [.. Enumerable.Repeat(f.Guest.Kicks[0].Number, 8)])),
        Refuses("CVE-2022-0669: brings inflight memory with eight descriptors",
            f => f.Script.Send(FrontEndRequest.SetInflightFd, Area(FileLength, 0, Rings, RingSize),
                [.. Enumerable.Repeat(f.Guest.Low.File.Number, 8)])),
        new("CVE-2020-10726: asks for inflight memory 10000 times", Tolerated, f =>
        {
            f.Negotiate(ProtocolFeatures.InflightShmfd);
            for (int i = 0; i < 10_000; i++)
                f.Script.Ask(FrontEndRequest.GetInflightFd, Area(0, 0, Rings, RingSize));
        }) { IsLong = true },
        new("asks for the most inflight memory there is", Tolerated, f =>
        {
            f.Negotiate(ProtocolFeatures.InflightShmfd);
            f.Script.Ask(FrontEndRequest.GetInflightFd, Area(0, 0, 256, 32768));
        }),
        new("brings inflight memory again and again while rings run", Tolerated, f =>
        {
            using var file = SetUp(f);
            for (int i = 0; i < 100; i++)
                HostileFrontEnd.MustSucceed(f.Script.Acknowledge(FrontEndRequest.SetInflightFd, Area(FileLength, 0, Rings, RingSize), [file.Number]));
        }),
        Refuses("CVE-2021-3839: brings inflight memory of 65535 rings", f => Set(f, FileLength, 0, 65535, RingSize)),
        Refuses("CVE-2021-3839: brings inflight memory of 0 rings", f => Set(f, FileLength, 0, 0, RingSize)),
        Refuses("CVE-2021-3839: brings inflight memory of more rings than fit into it", f => Set(f, FileLength, 0, 256, RingSize)),
        Refuses("brings inflight memory of rings without entries", f => Set(f, FileLength, 0, Rings, 0)),
        Refuses("brings inflight memory of 0 bytes", f => Set(f, 0, 0, Rings, RingSize)),
        Refuses("brings inflight memory whose size and offset wrap", f => Set(f, FileLength, unchecked(0UL - 4096), Rings, RingSize)),
        Refuses("brings inflight memory that begins within a word", f => Set(f, FileLength - 8, 4, Rings, RingSize)),
        Refuses("brings inflight memory that is longer than its file", f => Set(f, FileLength + 4096, 0, Rings, RingSize)),
        Refuses("brings inflight memory that begins behind its file", f => Set(f, FileLength, FileLength, Rings, RingSize)),
        Refuses("brings inflight memory that is no file",
            f => f.Script.Send(FrontEndRequest.SetInflightFd, Area(FileLength, 0, Rings, RingSize), [f.Guest.Kicks[0].Number])),
        Refuses("brings inflight memory without a file", f => f.Script.Send(FrontEndRequest.SetInflightFd, Area(FileLength, 0, Rings, RingSize))),
        new("truncates its inflight memory while rings run", Disconnected, f =>
        {
            using var file = SetUp(f);
            // Closing nothing: the descriptor stays the file's own.
            using (var handle = new SafeFileHandle(file.Number, ownsHandle: false))
                RandomAccess.SetLength(handle, 0);
            f.TransmitsDescriptor(f.Buffer(), 72);
            f.Script.WaitForEnd();
        }),
        Corrupts("brings inflight memory of another version", Features.None, part => MemoryMarshal.Write(part[8..], (ushort)2)),
        Corrupts("DPDK 5a4fbe79e6: brings inflight memory of a ring with more entries", Features.None,
            part => MemoryMarshal.Write(part[10..], (ushort)257)),
        Corrupts("libvhost-user: brings inflight memory whose last batch begins behind the ring", Features.None, part =>
        {
            MemoryMarshal.Write(part[12..], (ushort)65535);
            MemoryMarshal.Write(part[14..], ushort.MaxValue);
        }),
        Corrupts("brings inflight memory of another version for a packed ring", Features.RingPacked,
            part => MemoryMarshal.Write(part[8..], (ushort)2)),
        Corrupts("brings inflight memory whose free entries begin behind a packed ring", Features.RingPacked, part =>
        {
            MemoryMarshal.Write(part[12..], (ushort)300);
            MemoryMarshal.Write(part[14..], (ushort)300);
        }),
        Corrupts("brings inflight memory whose free entries are a loop in a packed ring", Features.RingPacked,
            part => MemoryMarshal.Write(part[(Marshal.SizeOf<PackedInflightLayout>() + 2)..], (ushort)0)),
        Corrupts("brings inflight memory that stands behind a packed ring", Features.RingPacked, part =>
        {
            MemoryMarshal.Write(part[16..], (ushort)256);
            MemoryMarshal.Write(part[18..], (ushort)256);
        }),
        new("brings inflight memory of random bytes", Raced, f => BringsRandomBytes(f)) { IsLong = true },
        new("brings inflight memory of random bytes for packed rings", Raced, f => BringsRandomBytes(f))
            { With = Features.RingPacked, IsLong = true },
        new("rewrites its inflight memory while frames are taken", Raced, f => RewritesMemory(f)) { IsLong = true },
        new("rewrites its inflight memory while frames are taken from a packed ring", Raced, f => RewritesMemory(f))
            { With = Features.RingPacked, IsLong = true },
        new("SPDK 3879: transmits packed buffer 65535 where it is noted", Tolerated, f =>
        {
            using var file = SetUp(f);
            f.Guest.PackedTransmit.Offer(65535, 0, (f.Buffer(), 72u));
            f.Guest.Kick(1);
            Until.True(() => f.Guest.PackedTransmit.IsUsed(Virtio.Packed.PackedPosition.Start), "the entry used");
            if (f.Guest.PackedTransmit.EntryAt(0).Id != 65535) throw new FrontEndScriptException("another buffer came back");
        }) { With = Features.RingPacked },
        new("DPDK e4a01eea66: agrees on INFLIGHT_SHMFD and brings no memory", Tolerated, f =>
        {
            f.SetUp();
            FrontEndHandshake.NegotiateProtocol(f.Script, FrontEndHandshake.WantedProtocolFeatures | ProtocolFeatures.InflightShmfd);
            f.TransmitsDescriptor(f.Buffer(), 72);
            Until.True(() => f.Transmit.UsedIndex == 1, "the frame taken");
        }),
    ];

    private static Attack Refuses(string name, Action<HostileFrontEnd> run) => new(name, Disconnected, f =>
    {
        f.Negotiate(ProtocolFeatures.InflightShmfd);
        run(f);
    });

    // The transmit ring's part is initialised by the back-end first, then changed, then brought again.
    private static Attack Corrupts(string name, Features kind, PartChange change) => new(name, RingBroken, f =>
    {
        using var file = SetUp(f);
        using var memory = MemoryMapping.OfFile(file, FileLength);
        f.Script.Ask(FrontEndRequest.GetVringBase, Payload.State(1, 0));
        change(TransmitPart(memory, kind));
        FrontEndHandshake.StartRing(f.Script, f.Guest, 1);
        f.Script.Ask(FrontEndRequest.GetFeatures);
    }) { With = kind };

    private delegate void PartChange(Span<byte> part);

    private static unsafe Span<byte> TransmitPart(MemoryMapping memory, Features kind)
    {
        int length = kind == Features.RingPacked ? PackedInflightLayout.LengthFor(RingSize) : SplitInflightLayout.LengthFor(RingSize);
        int stride = (length + 63) / 64 * 64;
        return new Span<byte>(memory.Address + stride, length);
    }

    private static FileDescriptor SetUp(HostileFrontEnd f)
    {
        f.SetUp();
        FrontEndHandshake.NegotiateProtocol(f.Script, FrontEndHandshake.WantedProtocolFeatures | ProtocolFeatures.InflightShmfd);
        var file = SharedMemory.CreateUnsealed("attacker-inflight", FileLength);
        HostileFrontEnd.MustSucceed(f.Script.Acknowledge(FrontEndRequest.SetInflightFd, Area(FileLength, 0, Rings, RingSize), [file.Number]));
        return file;
    }

    private static unsafe void BringsRandomBytes(HostileFrontEnd f)
    {
        var random = new Random(3);
        using var file = SetUp(f);
        using var memory = MemoryMapping.OfFile(file, FileLength);
        bool packed = f.Guest.Rings[0].Start != 0;
        for (int i = 0; i < 100; i++)
        {
            foreach (uint ring in new uint[] { 0, 1 })
                f.Script.Ask(FrontEndRequest.GetVringBase, Payload.State(ring, 0));
            random.NextBytes(new Span<byte>(memory.Address, FileLength));
            var part = TransmitPart(memory, packed ? Features.RingPacked : Features.None);
            // Believable at first sight, or it would not be looked at any further.
            MemoryMarshal.Write(part[8..], (ushort)1);
            MemoryMarshal.Write(part[10..], RingSize);
            if (packed)
            {
                for (int at = 12; at < 20; at += 2)
                    MemoryMarshal.Write(part[at..], (ushort)random.Next(RingSize));
            }
            foreach (int ring in new[] { 0, 1 })
                FrontEndHandshake.StartRing(f.Script, f.Guest, ring);
            f.Guest.Kick(1);
        }
        f.Script.Ask(FrontEndRequest.GetFeatures);
    }

    private static unsafe void RewritesMemory(HostileFrontEnd f)
    {
        const int Frames = 2000;
        using var file = SetUp(f);
        using var memory = MemoryMapping.OfFile(file, FileLength);
        byte* bytes = memory.Address;
        bool done = false;
        var writer = new Thread(() =>
        {
            var random = new Random(4);
            while (!Volatile.Read(ref done))
                bytes[random.Next(FileLength)] = (byte)random.Next();
        });
        writer.Start();
        try
        {
            ulong buffer = f.BufferForNobody();
            var ring = f.Guest.Rings[1];
            for (int i = 0; i < Frames; i++)
            {
                ring.Post(i % ring.Size, buffer, 72, deviceWrites: false);
                f.Guest.Kick(1);
                Until.True(() => ring.TryTakeUsed(out _, out _), "the frame taken");
            }
        }
        finally
        {
            Volatile.Write(ref done, true);
            writer.Join();
        }
    }

    private static void Get(HostileFrontEnd f, ushort rings, ushort size) => f.Script.Send(FrontEndRequest.GetInflightFd, Area(0, 0, rings, size));

    private static void Set(HostileFrontEnd f, ulong length, ulong offset, ushort rings, ushort size)
    {
        using var file = SharedMemory.Create("attacker-inflight", FileLength);
        f.Script.Send(FrontEndRequest.SetInflightFd, Area(length, offset, rings, size), [file.Number]);
    }

    private static byte[] Area(ulong length, ulong offset, ushort rings, ushort size) =>
    [
        .. BitConverter.GetBytes(length), .. BitConverter.GetBytes(offset), .. BitConverter.GetBytes(rings), .. BitConverter.GetBytes(size), 0, 0, 0, 0,
    ];
}
