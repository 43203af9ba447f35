using VhostSwitch.Dataplane;
using VhostSwitch.TestKit.Host;
using VhostSwitch.Vhost.Inflight;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Tests;

/// <summary>The messages of vhost-user against C structures written from the specification, by the C compiler.</summary>
public sealed class CompilerLayoutTests
{
    private const string Messages = """
        struct header { uint32_t request, flags, size; };
        struct vring_state { uint32_t index, num; };
        struct vring_addr { uint32_t index, flags; uint64_t descriptor, used, available, log; };
        struct region { uint64_t guest_address, size, user_address, mmap_offset; };
        """;

    [Fact]
    public void MessagesAreThoseOfTheSpecification()
    {
        var source = new CLayout().Declare(Messages)
            .Size<MessageHeader>("struct header")
            .Field<MessageHeader>(nameof(MessageHeader.Request), "struct header", "request")
            .Field<MessageHeader>(nameof(MessageHeader.Flags), "struct header", "flags")
            .Field<MessageHeader>(nameof(MessageHeader.Size), "struct header", "size")
            .Size<VringState>("struct vring_state")
            .Field<VringState>(nameof(VringState.Index), "struct vring_state", "index")
            .Field<VringState>(nameof(VringState.Num), "struct vring_state", "num")
            .Size<VringAddr>("struct vring_addr")
            .Field<VringAddr>(nameof(VringAddr.Index), "struct vring_addr", "index")
            .Field<VringAddr>(nameof(VringAddr.Flags), "struct vring_addr", "flags")
            .Field<VringAddr>(nameof(VringAddr.Descriptor), "struct vring_addr", "descriptor")
            .Field<VringAddr>(nameof(VringAddr.Used), "struct vring_addr", "used")
            .Field<VringAddr>(nameof(VringAddr.Available), "struct vring_addr", "available")
            .Field<VringAddr>(nameof(VringAddr.Log), "struct vring_addr", "log")
            .Size<MemoryRegionPayload>("struct region")
            .Field<MemoryRegionPayload>(nameof(MemoryRegionPayload.GuestAddress), "struct region", "guest_address")
            .Field<MemoryRegionPayload>(nameof(MemoryRegionPayload.Size), "struct region", "size")
            .Field<MemoryRegionPayload>(nameof(MemoryRegionPayload.UserAddress), "struct region", "user_address")
            .Field<MemoryRegionPayload>(nameof(MemoryRegionPayload.MmapOffset), "struct region", "mmap_offset");
        Assert.Equal("", source.Complaints());
    }

    [Fact]
    public void TheRingAddressesAreThoseOfTheKernelsVhostToo()
    {
        var source = new CLayout("linux/vhost_types.h")
            .Size<VringState>("struct vhost_vring_state")
            .Size<VringAddr>("struct vhost_vring_addr")
            .Field<VringAddr>(nameof(VringAddr.Descriptor), "struct vhost_vring_addr", "desc_user_addr")
            .Field<VringAddr>(nameof(VringAddr.Used), "struct vhost_vring_addr", "used_user_addr")
            .Field<VringAddr>(nameof(VringAddr.Available), "struct vhost_vring_addr", "avail_user_addr")
            .Field<VringAddr>(nameof(VringAddr.Log), "struct vhost_vring_addr", "log_guest_addr");
        Assert.Equal("", source.Complaints());
    }

    [Fact]
    public void TheOffloadFieldsOfAFrameAreTheHeaderWithoutNumBuffers()
    {
        var source = new CLayout("linux/virtio_net.h")
            .Size<OffloadFields>("struct virtio_net_hdr")
            .Field<OffloadFields>(nameof(OffloadFields.Flags), "struct virtio_net_hdr", "flags")
            .Field<OffloadFields>(nameof(OffloadFields.GsoType), "struct virtio_net_hdr", "gso_type")
            .Field<OffloadFields>(nameof(OffloadFields.HdrLen), "struct virtio_net_hdr", "hdr_len")
            .Field<OffloadFields>(nameof(OffloadFields.GsoSize), "struct virtio_net_hdr", "gso_size")
            .Field<OffloadFields>(nameof(OffloadFields.CsumStart), "struct virtio_net_hdr", "csum_start")
            .Field<OffloadFields>(nameof(OffloadFields.CsumOffset), "struct virtio_net_hdr", "csum_offset")
            .Constant(NetHeader.LegacySize, "sizeof(struct virtio_net_hdr)");
        Assert.Equal("", source.Complaints());
    }

    [Fact]
    public void InflightMemoryIsLaidOutAsOtherBackEndsDo()
    {
        const string Areas = """
            struct split_entry { uint8_t inflight; uint8_t padding[5]; uint16_t next; uint64_t counter; };
            struct split_area { uint64_t features; uint16_t version, desc_num, last_batch_head, used_idx; struct split_entry desc[]; };
            struct packed_entry { uint8_t inflight, padding; uint16_t next, last, num; uint64_t counter;
                uint16_t id, flags; uint32_t len; uint64_t addr; };
            struct packed_area { uint64_t features; uint16_t version, desc_num, free_head, old_free_head, used_idx, old_used_idx;
                uint8_t used_wrap_counter, old_used_wrap_counter, padding[7]; struct packed_entry desc[]; };
            """;
        var source = new CLayout().Declare(Areas)
            .Size<SplitInflightLayout>("struct split_area")
            .Field<SplitInflightLayout>(nameof(SplitInflightLayout.LastBatchHead), "struct split_area", "last_batch_head")
            .Field<SplitInflightLayout>(nameof(SplitInflightLayout.UsedIndex), "struct split_area", "used_idx")
            .Size<SplitInflightLayout.Entry>("struct split_entry")
            .Field<SplitInflightLayout.Entry>(nameof(SplitInflightLayout.Entry.Next), "struct split_entry", "next")
            .Field<SplitInflightLayout.Entry>(nameof(SplitInflightLayout.Entry.Counter), "struct split_entry", "counter")
            .Size<PackedInflightLayout>("struct packed_area")
            .Field<PackedInflightLayout>(nameof(PackedInflightLayout.OldUsedIndex), "struct packed_area", "old_used_idx")
            .Field<PackedInflightLayout>(nameof(PackedInflightLayout.OldUsedWrap), "struct packed_area", "old_used_wrap_counter")
            .Size<PackedInflightLayout.Entry>("struct packed_entry")
            .Field<PackedInflightLayout.Entry>(nameof(PackedInflightLayout.Entry.Count), "struct packed_entry", "num")
            .Field<PackedInflightLayout.Entry>(nameof(PackedInflightLayout.Entry.Counter), "struct packed_entry", "counter")
            .Field<PackedInflightLayout.Entry>(nameof(PackedInflightLayout.Entry.Flags), "struct packed_entry", "flags")
            .Field<PackedInflightLayout.Entry>(nameof(PackedInflightLayout.Entry.Address), "struct packed_entry", "addr");
        Assert.Equal("", source.Complaints());
    }

    [Fact]
    public void AWrongLayoutIsNoticed() =>
        Assert.Contains("is not 12", new CLayout().Declare("struct header { uint64_t request; uint32_t flags, size; };").Size<MessageHeader>("struct header").Complaints(), StringComparison.Ordinal);
}
