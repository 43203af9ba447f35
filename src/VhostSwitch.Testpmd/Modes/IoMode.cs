using VhostSwitch.Testpmd.Forwarding;

namespace VhostSwitch.Testpmd.Modes;

/// <summary>Sends on what arrives.</summary>
internal sealed class IoMode : ReceivingMode
{
    /// <inheritdoc/>
    public override string Name => "io";

    /// <inheritdoc/>
    public override string Summary => "sends frames on as they are";

    /// <inheritdoc/>
    protected override void Forward(FrameStream stream, Workspace workspace) => Send(stream, workspace);
}
