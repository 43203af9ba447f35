namespace VhostSwitch.Vhost;

/// <summary>What a device tells whoever moves its frames. All calls come from the control thread.</summary>
public interface IDeviceEvents
{
    /// <summary>A ring may be used from now on: its addresses are translated and checked.</summary>
    /// <param name="device">The device.</param>
    /// <param name="ring">The ring.</param>
    void RingRunning(Device device, Vring ring);

    /// <summary>A ring must not be used any more. On return no thread touches it, and <see cref="Device.RingStoppedAt"/> was called where it had moved on.</summary>
    /// <param name="device">The device.</param>
    /// <param name="ring">The ring.</param>
    void RingStopping(Device device, Vring ring);

    /// <summary>A ring that runs was enabled or disabled.</summary>
    /// <param name="device">The device.</param>
    /// <param name="ring">The ring.</param>
    void RingEnabledChanged(Device device, Vring ring);

    /// <summary>A ring that runs got another descriptor for notifications. On return no thread uses the old one.</summary>
    /// <param name="device">The device.</param>
    /// <param name="ring">The ring.</param>
    void RingCallChanged(Device device, Vring ring);

    /// <summary>Translations of the guest's IOMMU are no longer valid. On return no thread uses one of them.</summary>
    /// <param name="device">The device.</param>
    void TranslationsChanged(Device device);

    /// <summary>Other features hold from now on.</summary>
    /// <param name="device">The device.</param>
    void FeaturesChanged(Device device)
    {
    }

    /// <summary>The guest has moved here and its neighbours are to hear of it.</summary>
    /// <param name="device">The device.</param>
    /// <param name="mac">The guest's address, first byte lowest.</param>
    void Announce(Device device, ulong mac);
}
