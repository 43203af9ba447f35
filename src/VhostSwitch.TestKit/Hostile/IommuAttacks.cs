using System.Net.Sockets;
using VhostSwitch.Linux;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;
using static VhostSwitch.TestKit.Hostile.AttackOutcome;

namespace VhostSwitch.TestKit.Hostile;

/// <summary>The socket for requests of the back-end, and the translations of a guest's IOMMU, against the rules.</summary>
public static class IommuAttacks
{
    private const ulong Page = 4096;
    private const byte ReadWrite = 3;

    // Sent without waiting for each answer: as many as a socket's buffer surely holds.
    private const int UpdatesPerAnswer = 100;

    /// <summary>The attacks.</summary>
    public static IReadOnlyList<Attack> All { get; } =
    [
        new("hands over a socket for requests without BACKEND_REQ", Disconnected, f => HandOver(f, f.Guest.Kicks[0].Number)),
        Refuses("hands over no socket for requests", f => f.Script.Send(FrontEndRequest.SetBackendReqFd)),
        Refuses("hands over a memory file as a socket for requests", f => HandOver(f, f.Guest.Low.File.Number)),
        Refuses("hands over an eventfd as a socket for requests", f => HandOver(f, f.Guest.Kicks[0].Number)),
        Refuses("hands over a datagram socket for requests", f =>
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            HandOver(f, (int)socket.Handle);
        }),
        Refuses("hands over a socket of another family for requests", f =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            HandOver(f, (int)socket.Handle);
        }),
        Refuses("hands over two sockets for requests", f =>
        {
            var (first, second) = UnixSocket.Pair();
            using (first)
            using (second)
                f.Script.Send(FrontEndRequest.SetBackendReqFd, default, [first.Number, second.Number]);
        }),
        new("hands over a socket for requests that was never connected", Tolerated, f =>
        {
            f.Negotiate(ProtocolFeatures.BackendReq);
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            HostileFrontEnd.MustSucceed(f.Script.Acknowledge(FrontEndRequest.SetBackendReqFd, default, [(int)socket.Handle]));
        }),
        new("hands over a socket for requests two hundred times", Tolerated, f =>
        {
            f.Negotiate(ProtocolFeatures.BackendReq);
            for (int i = 0; i < 200; i++)
                TakeSocket(f).Dispose();
        }),
        new("hands over its own connection as the socket for requests", Tolerated, f =>
        {
            f.Negotiate(ProtocolFeatures.BackendReq);
            var (ours, theirs) = UnixSocket.Pair();
            using (ours)
            using (theirs)
            {
                // Both ends: what the back-end asks comes back to itself.
                HostileFrontEnd.MustSucceed(f.Script.Acknowledge(FrontEndRequest.SetBackendReqFd, default, [ours.Number]));
                HostileFrontEnd.MustSucceed(f.Script.Acknowledge(FrontEndRequest.SetBackendReqFd, default, [theirs.Number]));
            }
        }),
        new("talks without end on the socket for requests", Tolerated, f =>
        {
            f.Negotiate(ProtocolFeatures.BackendReq);
            using var ours = TakeSocket(f);
            for (int i = 0; i < 2000; i++)
            {
                if (ours.Send(new byte[512], [f.Guest.Kicks[0].Number]) == SocketOutcome.WouldBlock) f.Script.Ask(FrontEndRequest.GetFeatures);
            }
        }) { IsLong = true },
        Behind("is asked for translations on a socket that is closed", NotStarted, (f, socket) =>
        {
            socket.Dispose();
            FrontEndHandshake.QemuStart(f.Script, f.Guest);
        }),
        Behind("never reads what it is asked", Tolerated, NeverReads) with { IsLong = true },
        new("sends a translation without BACKEND_REQ", Disconnected, f => Send(f, IotlbPayload.Update, 0, Page, Low(f))),
        Refuses("sends a translation before there is a socket to ask for it", f => Send(f, IotlbPayload.Update, 0, Page, Low(f))),
        Refuses("takes back a translation before there is a socket to ask for it", f => Send(f, IotlbPayload.Invalidate, 0, Page, 0)),
        Cut("sends a translation of type 0", f => Send(f, 0, 0, Page, Low(f))),
        Cut("sends a miss", f => Send(f, IotlbPayload.Miss, 0, Page, Low(f))),
        Cut("sends a translation of type 255", f => Send(f, 255, 0, Page, Low(f))),
        Cut("sends a translation of 0 bytes", f => Send(f, IotlbPayload.Update, 0, 0, Low(f))),
        Cut("sends a translation that wraps around the device's addresses",
            f => Send(f, IotlbPayload.Update, unchecked(0UL - Page), 2 * Page, Low(f))),
        Cut("sends a translation that wraps around the front-end's addresses", f => Send(f, IotlbPayload.Update, 0, 2 * Page, unchecked(0UL - Page))),
        Cut("sends a translation of all addresses", f => Send(f, IotlbPayload.Update, 0, ulong.MaxValue, Low(f))),
        Cut("sends a translation to outside the memory", f => Send(f, IotlbPayload.Update, 0, Page, 0xdead_0000)),
        Cut("CVE-2018-1059: sends a translation beyond the end of a region",
            f => Send(f, IotlbPayload.Update, 0, 2 * Page, GuestMemoryMap.FrontEndAddress(f.Guest.High.End) - Page)),
        Cut("sends half a translation", f => f.Script.Send(FrontEndRequest.Iotlb, new byte[16])),
        Cut("sends a translation with a descriptor",
            f => f.Script.Send(FrontEndRequest.Iotlb, Message(IotlbPayload.Update, 0, Page, Low(f)), [f.Guest.Kicks[0].Number])),
        Behind("sends 100000 translations", Tolerated, (f, _) => SendsMany(f, 100_000, i => i * Page)) with { IsLong = true },
        Behind("sends the same translation 100000 times", Tolerated, (f, _) => SendsMany(f, 100_000, _ => 0)) with { IsLong = true },
        Behind("takes back all translations under its running rings", NotStarted, (f, _) =>
        {
            SetUpBehind(f);
            HostileFrontEnd.MustSucceed(f.Script.Acknowledge(FrontEndRequest.Iotlb, Message(IotlbPayload.Invalidate, 0, ulong.MaxValue, 0)));
        }),
        Behind("translates its running rings to where nothing of theirs is", Tolerated, (f, _) =>
        {
            SetUpBehind(f);
            // A piece of the same length in another region: the rings go on there, in memory of zeros.
            Translate(f, Low(f), f.Guest.Low.Length, GuestMemoryMap.FrontEndAddress(f.Guest.High.GuestAddress));
        }),
        Behind("takes the memory away under its translations", NotStarted, (f, _) =>
        {
            SetUpBehind(f);
            f.Script.Acknowledge(FrontEndRequest.SetMemTable, Payload.Table([f.Guest.High.Description]), [f.Guest.High.File.Number]);
        }),
        Behind("transmits from a page that may not be read", Tolerated, (f, _) =>
        {
            SetUpBehind(f);
            byte[] message = Message(IotlbPayload.Update, 0x1000, Page, Low(f), (byte)IotlbAccess.Write);
            HostileFrontEnd.MustSucceed(f.Script.Acknowledge(FrontEndRequest.Iotlb, message));
            f.TransmitsDescriptor(0x1000, 72);
            StaysUntaken(f);
        }),
        Behind("transmits across the end of what is translated", Tolerated, (f, _) =>
        {
            SetUpBehind(f);
            Translate(f, 0x1000, Page, Low(f));
            f.TransmitsDescriptor(0x2000 - 36, 72);
            StaysUntaken(f);
        }),
    ];

    private static ulong Low(HostileFrontEnd f) => GuestMemoryMap.FrontEndAddress(f.Guest.Low.GuestAddress);

    private static Attack Refuses(string name, Action<HostileFrontEnd> run) => new(name, Disconnected, f =>
    {
        f.Negotiate(ProtocolFeatures.BackendReq);
        run(f);
    });

    // With memory and a socket, without rings.
    private static Attack Cut(string name, Action<HostileFrontEnd> run) => new(name, Disconnected, f =>
    {
        f.Negotiate(ProtocolFeatures.BackendReq);
        using var socket = TakeSocket(f);
        f.Script.Acknowledge(FrontEndRequest.SetMemTable, Payload.Table(f.Guest.Memory.Descriptions), f.Guest.Memory.Descriptors);
        run(f);
        // Until the answer the socket is there.
        f.Script.WaitForEnd();
    });

    // A guest behind an IOMMU whose handshake is done but for its second half.
    private static Attack Behind(string name, AttackOutcome outcome, Action<HostileFrontEnd, UnixSocket> run) => new(name, outcome, f =>
    {
        FrontEndHandshake.QemuConnect(f.Script, f.Guest, 0);
        foreach (uint ring in new uint[] { 0, 1 })
            f.Script.Send(FrontEndRequest.SetVringEnable, Payload.State(ring, 1));
        FrontEndHandshake.NegotiateProtocol(f.Script, FrontEndHandshake.WantedProtocolFeatures | ProtocolFeatures.BackendReq);
        var ours = TakeSocket(f);
        f.Keep(ours);
        run(f, ours);
    }) { With = Features.AccessPlatform };

    private static void SetUpBehind(HostileFrontEnd f)
    {
        FrontEndHandshake.QemuStart(f.Script, f.Guest);
        // The rings are named by their addresses of the front-end, and so is every buffer here.
        Translate(f, Low(f), f.Guest.Low.Length, Low(f));
    }

    private static void NeverReads(HostileFrontEnd f, UnixSocket socket)
    {
        const int Misses = 1000;
        SetUpBehind(f);
        // A frame of zeros goes back to where it came from, to nobody.
        ulong buffer = f.Guest.Memory.Allocate(Page, Page);
        for (int i = 0; i < Misses; i++)
        {
            // Each page is asked for once it is missed, and the answer comes whether the question could be sent or not.
            ulong page = 0x10_0000 + ((ulong)i * Page);
            f.TransmitsDescriptor(page, 72);
            Translate(f, page, Page, GuestMemoryMap.FrontEndAddress(buffer));
            Until.True(() => f.Transmit.UsedIndex == i + 1, "the frame taken");
        }
    }

    private static void SendsMany(HostileFrontEnd f, int count, Func<ulong, ulong> address)
    {
        SetUpBehind(f);
        ulong to = GuestMemoryMap.FrontEndAddress(f.Guest.High.GuestAddress);
        for (int i = 1; i <= count; i++)
        {
            if (i % UpdatesPerAnswer == 0) Translate(f, address((ulong)i), Page, to);
            else Send(f, IotlbPayload.Update, address((ulong)i), Page, to);
        }
    }

    private static void StaysUntaken(HostileFrontEnd f)
    {
        uint stoppedAt = f.Script.Ask(FrontEndRequest.GetVringBase, Payload.State(1, 0)).RingNumber;
        if (stoppedAt != 0) throw new FrontEndScriptException("the device took a buffer that is not translated for it");
    }

    private static void HandOver(HostileFrontEnd f, int descriptor) => f.Script.Send(FrontEndRequest.SetBackendReqFd, default, [descriptor]);

    private static UnixSocket TakeSocket(HostileFrontEnd f)
    {
        var (ours, theirs) = UnixSocket.Pair();
        using (theirs)
            HostileFrontEnd.MustSucceed(f.Script.Acknowledge(FrontEndRequest.SetBackendReqFd, default, [theirs.Number]));
        return ours;
    }

    private static void Translate(HostileFrontEnd f, ulong address, ulong length, ulong to) =>
        HostileFrontEnd.MustSucceed(f.Script.Acknowledge(FrontEndRequest.Iotlb, Message(IotlbPayload.Update, address, length, to)));

    private static void Send(HostileFrontEnd f, byte type, ulong address, ulong length, ulong to) =>
        f.Script.Send(FrontEndRequest.Iotlb, Message(type, address, length, to));

    private static byte[] Message(byte type, ulong address, ulong length, ulong to, byte access = ReadWrite) =>
    [
        .. BitConverter.GetBytes(address), .. BitConverter.GetBytes(length), .. BitConverter.GetBytes(to), access, type, 0, 0, 0, 0, 0, 0,
    ];
}
