using VhostSwitch.Linux;
using VhostSwitch.TestKit.Host;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Tests;

/// <summary>The two states of a ring (vhost-user, "Ring states"), and what each request does to them.</summary>
public sealed class DeviceTests
{
    [Fact]
    public void ARingRunsWhateverTheOrderOfTheRequests()
    {
        foreach (var order in Permutations([.. Enumerable.Range(0, 6)]))
        {
            using var rig = new DeviceRig();
            foreach (int step in order)
                Step(rig, step);
            string[] events = rig.Recorder.Take();
            Assert.True(events is ["run 0"] or ["run 0 disabled", "enable 0"], $"{string.Join(", ", order)}: {string.Join(", ", events)}");
            Assert.Null(rig.Ring(0).Obstacle);
        }
    }

    [Fact]
    public void ARingThatIsStartedSaysWhatItStillWaitsFor()
    {
        using var rig = new DeviceRig();
        var obstacles = new List<string?>();
        foreach (int step in new[] { 5, 0, 2, 3, 1 })
        {
            Step(rig, step);
            obstacles.Add(rig.Ring(0).Obstacle);
        }
        Assert.Equal(["waiting for features", "ring 0 has no size yet", "ring 0 has no addresses yet", "waiting for the memory table", null], obstacles);
    }

    [Fact]
    public void WithoutProtocolFeaturesRingsAreEnabledAtOnce()
    {
        using var rig = new DeviceRig();
        rig.Start(0);
        rig.Device.SetFeatures(Features.Version1);
        rig.Device.SetMemory(rig.Table());
        rig.Start(1);
        Assert.Equal(["run 0", "run 1"], rig.Recorder.Take());
    }

    [Fact]
    public void RepeatedFeaturesWithoutProtocolFeaturesEnableARingThatRunsDisabled()
    {
        using var rig = new DeviceRig();
        rig.Device.SetFeatures(Features.Version1);
        rig.Device.SetMemory(rig.Table());
        rig.Start(0);
        rig.Device.SetRingEnabled(0, 0);
        rig.Recorder.Take();
        rig.Device.SetFeatures(Features.Version1);
        Assert.True(rig.Ring(0).Enabled);
        Assert.Equal(["enable 0"], rig.Recorder.Take());
    }

    [Fact]
    public void ARingThatIsNotEnabledRunsDisabled()
    {
        using var rig = new DeviceRig();
        rig.Device.SetFeatures(DeviceRig.Ordinary);
        rig.Device.SetMemory(rig.Table());
        rig.Start(0);
        Assert.Equal(["run 0 disabled"], rig.Recorder.Take());
        rig.Device.SetRingEnabled(0, 1);
        rig.Device.SetRingEnabled(0, 1);
        rig.Device.SetRingEnabled(0, 0);
        Assert.Equal(["enable 0", "disable 0"], rig.Recorder.Take());
    }

    [Fact]
    public void GetVringBaseStopsTheRingAndTellsWhereItIs()
    {
        using var rig = new DeviceRig();
        rig.StartAll();
        rig.Recorder.StopsAt = 4711;
        Assert.Equal(4711u, rig.Device.StopRing(0));
        Assert.Equal(["run 0", "stop 0"], rig.Recorder.Take());
        Assert.False(rig.Ring(0).Started);
        Assert.True(rig.Ring(0).Enabled);
        Assert.Equal(4711u, rig.Device.StopRing(0));
        Assert.Empty(rig.Recorder.Take());
    }

    /// <summary>QEMU up to 7.2 resets the device first, and then asks each ring where it was: the answer goes along in a migration.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AResetRingStillTellsWhereItWas(bool byStatus)
    {
        using var rig = new DeviceRig();
        rig.StartAll();
        rig.Recorder.StopsAt = 4711;
        if (byStatus) rig.Device.SetStatus(0);
        else rig.Device.Reset();
        Assert.Equal(4711u, rig.Device.StopRing(0));
        // The same again: nothing of the ring was set up in between.
        rig.Device.SetStatus(0);
        Assert.Equal(4711u, rig.Device.StopRing(0));
        rig.Device.SetRingBase(0, 12);
        Assert.Equal(12u, rig.Device.StopRing(0));
    }

    [Fact]
    public void Dpdk1846fe767fStaleAddressesDoNotComeAliveWithAKick()
    {
        using var rig = new DeviceRig();
        rig.StartAll();
        rig.Device.StopRing(0);
        rig.Device.SetMemory(rig.Table());
        rig.Kick(0);
        Assert.False(rig.Ring(0).Running);
        Assert.Equal("ring 0 has no addresses yet", rig.Ring(0).Obstacle);
        rig.Addresses(0);
        Assert.True(rig.Ring(0).Running);
    }

    [Fact]
    public void AStoppedRingStartsAgain()
    {
        using var rig = new DeviceRig();
        rig.StartAll();
        rig.Device.StopRing(0);
        rig.Start(0);
        Assert.Equal(["run 0", "stop 0", "run 0"], rig.Recorder.Take());
    }

    [Fact]
    public void ANewMemoryTableStopsAndStartsTheRings()
    {
        using var rig = new DeviceRig();
        rig.StartAll();
        rig.Device.SetMemory(rig.Table());
        Assert.Equal(["run 0", "stop 0", "run 0"], rig.Recorder.Take());
    }

    [Fact]
    public void AMemoryTableWithoutTheRingLeavesItStopped()
    {
        using var rig = new DeviceRig();
        rig.StartAll();
        rig.Device.SetMemory(MemoryTable.Map([rig.Guest.High.Description], [rig.Guest.High.File]));
        Assert.Equal("ring 0 lies outside the guest's memory", rig.Ring(0).Obstacle);
        rig.Device.SetMemory(rig.Table());
        Assert.Equal(["run 0", "stop 0", "run 0"], rig.Recorder.Take());
    }

    [Theory]
    [InlineData(8, 0, 0, false)]
    [InlineData(0, 1, 0, false)]
    [InlineData(0, 0, 2, false)]
    [InlineData(16, 2, 4, true)]
    public void ARingWithMisalignedPartsDoesNotRun(ulong descriptors, ulong available, ulong used, bool runs)
    {
        using var rig = new DeviceRig();
        rig.StartAll();
        rig.Device.StopRing(0);
        var right = rig.Guest.Rings[0].FrontEndAddresses;
        rig.Device.SetRingAddresses(0, new VringAddresses(right.Descriptor + descriptors, right.Available + available, right.Used + used));
        rig.Kick(0);
        Assert.Equal(runs, rig.Ring(0).Running);
        Assert.Equal(runs ? null : "ring 0 has misaligned addresses", rig.Ring(0).Obstacle);
    }

    [Fact]
    public void ARepeatedHandshakeForTheNextPairLeavesTheFirstAlone()
    {
        using var rig = new DeviceRig(pairs: 2);
        for (int ring = 0; ring < 4; ring++)
            rig.Device.SetRingEnabled((uint)ring, ring < 2 ? 1u : 0u);
        rig.Device.SetFeatures(DeviceRig.Ordinary);
        rig.Device.SetMemory(rig.Table());
        rig.Start(0);
        rig.Start(1);
        rig.Device.SetProtocolFeatures(rig.Device.OfferedProtocolFeatures);
        rig.Device.SetFeatures(DeviceRig.Ordinary);
        rig.Start(2);
        rig.Start(3);
        Assert.Equal(["run 0", "run 1", "run 2 disabled", "run 3 disabled"], rig.Recorder.Take());
    }

    [Fact]
    public void FeaturesDoNotChangeUnderRunningRings()
    {
        using var rig = new DeviceRig();
        rig.StartAll();
        Assert.Throws<VhostException>(() => rig.Device.SetFeatures(DeviceRig.Ordinary | Features.EventIdx));
        Assert.Equal(DeviceRig.Ordinary, rig.Device.Features);
        rig.Device.StopRing(0);
        rig.Device.SetFeatures(DeviceRig.Ordinary | Features.EventIdx);
    }

    [Fact]
    public void SizeAndBaseDoNotChangeUnderARunningRing()
    {
        using var rig = new DeviceRig();
        rig.StartAll();
        Assert.Throws<VhostException>(() => rig.Device.SetRingSize(0, 128));
        Assert.Throws<VhostException>(() => rig.Device.SetRingBase(0, 0));
        rig.Device.SetRingSize(0, 256);
        Assert.Equal(["run 0"], rig.Recorder.Take());
    }

    [Fact]
    public void NewAddressesMoveARunningRing()
    {
        using var rig = new DeviceRig(pairs: 2);
        rig.StartAll();
        rig.Addresses(0);
        Assert.Equal(["run 0"], rig.Recorder.Take());
        rig.Device.SetRingAddresses(0, rig.Guest.Rings[2].FrontEndAddresses);
        Assert.Equal(["stop 0", "run 0"], rig.Recorder.Take());
    }

    [Fact]
    public void StatusKeepsFeaturesOkOnlyForFeaturesThatWereOffered()
    {
        using var rig = new DeviceRig();
        Assert.Throws<VhostException>(() => rig.Device.SetFeatures(DeviceRig.Ordinary | Features.HashReport));
        rig.Device.SetStatus(1 | 2 | 8);
        Assert.Equal(1 | 2, rig.Device.Status);
        rig.Device.SetFeatures(DeviceRig.Ordinary);
        rig.Device.SetStatus(1 | 2 | 8);
        Assert.Equal(1 | 2 | 8, rig.Device.Status);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AResetForgetsAllButMemoryAndCalls(bool byStatus)
    {
        using var rig = new DeviceRig();
        rig.Device.SetRingCall(0, EventFd.Create());
        rig.StartAll();
        rig.Recorder.Take();
        if (byStatus) rig.Device.SetStatus(0);
        else rig.Device.Reset();
        Assert.Equal(["stop 0"], rig.Recorder.Take());
        Assert.False(rig.Device.FeaturesSet);
        Assert.Equal((0, false, false, (ushort)0), (rig.Ring(0).Size, rig.Ring(0).Started, rig.Ring(0).Enabled, rig.Ring(0).Base));
        Assert.Null(rig.Ring(0).Addresses);
        Assert.NotNull(rig.Ring(0).Call);
        Assert.Equal(3, rig.Device.Memory.Count);
        rig.Device.SetFeatures(DeviceRig.Ordinary);
        rig.Device.SetRingEnabled(0, 1);
        rig.Start(0);
        Assert.Equal(["run 0"], rig.Recorder.Take());
    }

    [Fact]
    public void ResetOwnerDisablesTheRings()
    {
        using var rig = new DeviceRig();
        rig.StartAll();
        rig.Device.ResetOwner();
        Assert.Equal(["run 0", "disable 0"], rig.Recorder.Take());
    }

    [Theory]
    [InlineData(4u)]
    [InlineData(0x100u)]
    [InlineData(0x10000u)]
    [InlineData(uint.MaxValue)]
    public void Cve202010723NoRequestTakesARingThatIsNotThere(uint index)
    {
        using var rig = new DeviceRig();
        int before = ProcessResources.OpenDescriptorsAtStart();
        Assert.Throws<VhostException>(() => rig.Device.SetRingSize(index, 256));
        Assert.Throws<VhostException>(() => rig.Device.SetRingBase(index, 0));
        Assert.Throws<VhostException>(() => rig.Device.SetRingAddresses(index, default));
        Assert.Throws<VhostException>(() => rig.Device.SetRingEnabled(index, 1));
        Assert.Throws<VhostException>(() => rig.Device.StopRing(index));
        Assert.Empty(rig.Device.Rings);
        Assert.Equal(before, ProcessResources.OpenDescriptors());
    }

    [Fact]
    public void Cve201914818ADescriptorForARingThatIsNotThereIsClosed()
    {
        using var rig = new DeviceRig();
        var fds = Enumerable.Range(0, 3).Select(_ => EventFd.Create()).ToArray();
        Assert.Throws<VhostException>(() => rig.Device.SetRingKick(4, fds[0]));
        Assert.Throws<VhostException>(() => rig.Device.SetRingCall(4, fds[1]));
        Assert.Throws<VhostException>(() => rig.Device.SetRingError(4, fds[2]));
        // They belonged to the device from the call on.
        Assert.All(fds, fd => Assert.True(fd.IsClosed));
    }

    [Fact]
    public void Cve201914818RepeatedDescriptorsReplaceEachOther()
    {
        using var rig = new DeviceRig();
        rig.StartAll();
        rig.Device.SetRingCall(0, EventFd.Create());
        rig.Device.SetRingError(0, EventFd.Create());
        int before = ProcessResources.OpenDescriptorsAtStart();
        for (int i = 0; i < 1000; i++)
        {
            rig.Device.SetRingCall(0, EventFd.Create());
            rig.Device.SetRingError(0, EventFd.Create());
            if (i % 10 == 0) rig.Kick(0);
        }
        Assert.Equal(before, ProcessResources.OpenDescriptors());
    }

    [Fact]
    public void NothingIsLeftWhenADeviceGoes()
    {
        int before = ProcessResources.OpenDescriptorsAtStart();
        using (var rig = new DeviceRig())
        {
            rig.StartAll();
            rig.Device.SetRingCall(0, EventFd.Create());
            rig.Device.SetRingError(0, EventFd.Create());
            rig.Device.Dispose();
            rig.Device.Dispose();
            // The guest's own mappings alone.
            Assert.Equal(3, ProcessResources.MappingsOf("device-rig"));
        }
        Assert.Equal(before, ProcessResources.OpenDescriptors());
    }

    [Fact]
    public void SendRarpIsPassedOn()
    {
        using var rig = new DeviceRig();
        rig.Device.SendRarp(0x5634_1200_5452);
        Assert.Equal(["announce 0x563412005452"], rig.Recorder.Take());
    }

    [Theory]
    [InlineData(67, false)]
    [InlineData(68, true)]
    [InlineData(65535, true)]
    [InlineData(65536, false)]
    [InlineData(ulong.MaxValue, false)]
    public void AnMtuHasItsBounds(ulong mtu, bool accepted)
    {
        using var rig = new DeviceRig();
        if (accepted)
        {
            rig.Device.SetMtu(mtu);
            Assert.Equal((int)mtu, rig.Device.Mtu);
        }
        else Assert.Throws<VhostException>(() => rig.Device.SetMtu(mtu));
    }

    private static void Step(DeviceRig rig, int step)
    {
        switch (step)
        {
            case 0: rig.Device.SetFeatures(DeviceRig.Ordinary); break;
            case 1: rig.Device.SetMemory(rig.Table()); break;
            case 2: rig.Device.SetRingSize(0, (uint)rig.Guest.Rings[0].Size); break;
            case 3: rig.Addresses(0); break;
            case 4: rig.Device.SetRingEnabled(0, 1); break;
            case 5: rig.Kick(0); break;
        }
    }

    private static IEnumerable<int[]> Permutations(int[] of)
    {
        if (of.Length <= 1) return [of];
        return of.SelectMany((first, i) => Permutations([.. of[..i], .. of[(i + 1)..]]).Select(rest => (int[])[first, .. rest]));
    }
}
