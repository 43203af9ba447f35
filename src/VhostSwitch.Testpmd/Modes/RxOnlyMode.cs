using VhostSwitch.Testpmd.Forwarding;

namespace VhostSwitch.Testpmd.Modes;

/// <summary>Takes what arrives and sends nothing.</summary>
internal sealed class RxOnlyMode : ReceivingMode
{
    /// <inheritdoc/>
    public override string Name => "rxonly";

    /// <inheritdoc/>
    public override string Summary => "takes frames and sends nothing";

    /// <inheritdoc/>
    protected override void Forward(FrameStream stream, Workspace workspace)
    {
    }
}
