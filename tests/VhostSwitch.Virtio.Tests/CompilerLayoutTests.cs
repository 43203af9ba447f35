using VhostSwitch.TestKit.Host;
using VhostSwitch.Virtio.Split;
using Xunit;

namespace VhostSwitch.Virtio.Tests;

/// <summary>The structures of the rings and of the header, against what the C compiler makes of the kernel's own headers.</summary>
public sealed class CompilerLayoutTests
{
    [Fact]
    public void StructuresAreThoseOfTheKernelsHeaders()
    {
        var source = new CLayout("linux/virtio_ring.h", "linux/virtio_net.h")
            .Size<Descriptor>("struct vring_desc")
            .Field<Descriptor>(nameof(Descriptor.Address), "struct vring_desc", "addr")
            .Field<Descriptor>(nameof(Descriptor.Length), "struct vring_desc", "len")
            .Field<Descriptor>(nameof(Descriptor.Flags), "struct vring_desc", "flags")
            .Field<Descriptor>(nameof(Descriptor.Next), "struct vring_desc", "next")
            .Size<UsedElement>("struct vring_used_elem")
            .Field<UsedElement>(nameof(UsedElement.Id), "struct vring_used_elem", "id")
            .Field<UsedElement>(nameof(UsedElement.Length), "struct vring_used_elem", "len")
            .Size<NetHeader>("struct virtio_net_hdr_mrg_rxbuf")
            .Field<NetHeader>(nameof(NetHeader.Flags), "struct virtio_net_hdr_mrg_rxbuf", "hdr.flags")
            .Field<NetHeader>(nameof(NetHeader.GsoType), "struct virtio_net_hdr_mrg_rxbuf", "hdr.gso_type")
            .Field<NetHeader>(nameof(NetHeader.HdrLen), "struct virtio_net_hdr_mrg_rxbuf", "hdr.hdr_len")
            .Field<NetHeader>(nameof(NetHeader.GsoSize), "struct virtio_net_hdr_mrg_rxbuf", "hdr.gso_size")
            .Field<NetHeader>(nameof(NetHeader.CsumStart), "struct virtio_net_hdr_mrg_rxbuf", "hdr.csum_start")
            .Field<NetHeader>(nameof(NetHeader.CsumOffset), "struct virtio_net_hdr_mrg_rxbuf", "hdr.csum_offset")
            .Field<NetHeader>(nameof(NetHeader.NumBuffers), "struct virtio_net_hdr_mrg_rxbuf", "num_buffers")
            .Constant(NetHeader.LegacySize, "sizeof(struct virtio_net_hdr)")
            .Constant(Descriptor.HasNext, "VRING_DESC_F_NEXT")
            .Constant(Descriptor.Write, "VRING_DESC_F_WRITE")
            .Constant(Descriptor.Indirect, "VRING_DESC_F_INDIRECT")
            .Constant(SplitLayout.NoInterrupt, "VRING_AVAIL_F_NO_INTERRUPT")
            .Constant(SplitLayout.NoNotify, "VRING_USED_F_NO_NOTIFY")
            .Constant(SplitLayout.IndexOffset, "offsetof(struct vring_avail, idx)")
            .Constant(SplitLayout.EntriesOffset, "offsetof(struct vring_avail, ring)")
            .Constant(SplitLayout.IndexOffset, "offsetof(struct vring_used, idx)")
            .Constant(SplitLayout.EntriesOffset, "offsetof(struct vring_used, ring)")
            .Constant(SplitLayout.DescriptorAlignment, "VRING_DESC_ALIGN_SIZE")
            .Constant(SplitLayout.AvailableAlignment, "VRING_AVAIL_ALIGN_SIZE")
            .Constant(SplitLayout.UsedAlignment, "VRING_USED_ALIGN_SIZE")
            .Constant(NetHeader.NeedsCsum, "VIRTIO_NET_HDR_F_NEEDS_CSUM")
            .Constant(NetHeader.DataValid, "VIRTIO_NET_HDR_F_DATA_VALID")
            .Constant(NetHeader.GsoNone, "VIRTIO_NET_HDR_GSO_NONE")
            .Constant(NetHeader.GsoTcpV4, "VIRTIO_NET_HDR_GSO_TCPV4")
            .Constant(NetHeader.GsoUdp, "VIRTIO_NET_HDR_GSO_UDP")
            .Constant(NetHeader.GsoTcpV6, "VIRTIO_NET_HDR_GSO_TCPV6")
            .Constant(NetHeader.GsoEcn, "VIRTIO_NET_HDR_GSO_ECN");
        Assert.Equal("", source.Complaints());
    }

    [Fact]
    public void FeatureBitsAreThoseOfTheKernelsHeaders()
    {
        var source = new CLayout("linux/virtio_ring.h", "linux/virtio_net.h", "linux/virtio_config.h", "linux/vhost_types.h");
        foreach (var (feature, name) in new (Features, string)[]
        {
            (Features.Csum, "VIRTIO_NET_F_CSUM"), (Features.GuestCsum, "VIRTIO_NET_F_GUEST_CSUM"), (Features.CtrlGuestOffloads, "VIRTIO_NET_F_CTRL_GUEST_OFFLOADS"),
            (Features.Mtu, "VIRTIO_NET_F_MTU"), (Features.Mac, "VIRTIO_NET_F_MAC"), (Features.Gso, "VIRTIO_NET_F_GSO"), (Features.GuestTso4, "VIRTIO_NET_F_GUEST_TSO4"),
            (Features.GuestTso6, "VIRTIO_NET_F_GUEST_TSO6"), (Features.GuestEcn, "VIRTIO_NET_F_GUEST_ECN"), (Features.GuestUfo, "VIRTIO_NET_F_GUEST_UFO"),
            (Features.HostTso4, "VIRTIO_NET_F_HOST_TSO4"), (Features.HostTso6, "VIRTIO_NET_F_HOST_TSO6"), (Features.HostEcn, "VIRTIO_NET_F_HOST_ECN"),
            (Features.HostUfo, "VIRTIO_NET_F_HOST_UFO"), (Features.MrgRxbuf, "VIRTIO_NET_F_MRG_RXBUF"), (Features.Status, "VIRTIO_NET_F_STATUS"),
            (Features.CtrlVq, "VIRTIO_NET_F_CTRL_VQ"), (Features.CtrlRx, "VIRTIO_NET_F_CTRL_RX"), (Features.GuestAnnounce, "VIRTIO_NET_F_GUEST_ANNOUNCE"),
            (Features.Mq, "VIRTIO_NET_F_MQ"), (Features.NotifyOnEmpty, "VIRTIO_F_NOTIFY_ON_EMPTY"), (Features.LogAll, "VHOST_F_LOG_ALL"),
            (Features.AnyLayout, "VIRTIO_F_ANY_LAYOUT"), (Features.IndirectDesc, "VIRTIO_RING_F_INDIRECT_DESC"), (Features.EventIdx, "VIRTIO_RING_F_EVENT_IDX"),
            (Features.Version1, "VIRTIO_F_VERSION_1"), (Features.AccessPlatform, "VIRTIO_F_ACCESS_PLATFORM"), (Features.RingPacked, "VIRTIO_F_RING_PACKED"),
            (Features.InOrder, "VIRTIO_F_IN_ORDER"), (Features.HashReport, "VIRTIO_NET_F_HASH_REPORT"),
        })
            source.Constant((long)feature, $"(1ULL << {name})");
        Assert.Equal("", source.Complaints());
    }
}
